import type { Message } from '../client/index.ts';
import { type AddCommand, wholeNumber } from './core/command.ts';
import { harmless, note, say, sayJson } from './core/terminal.ts';
import { addNamespace, addRemoteOptions, enter, type RemoteOptions } from './sessions/remote.ts';
import { otherOwners, readOwners, whose } from './sessions/whose.ts';

const COUNT_MAX = 999_999_999;

const HELP = `
A message is printed as text when it is valid UTF-8 and in base64 otherwise, one a line; with --json as
  {"id","namespace","topic","author","epoch","seq","time","data_base64"}
Standard error says when the subscription is live, and whose namespace it is in. Ctrl-C ends it.

Examples:
  $ maillon sub news
  $ maillon sub news --json | jq -r .data_base64
  $ maillon sub news --count 1`;

interface Options extends RemoteOptions {
  readonly namespace?: string;
  readonly count?: number;
}

export const addSub: AddCommand = (program) => {
  const command = program
    .command('sub')
    .alias('subscribe')
    .summary('print the messages of a topic')
    .description('Print the messages of a topic as they arrive through a gateway.')
    .argument('<topic>', 'Topic, 1 to 256 bytes.')
    .option('--count <number>', 'Stop after so many messages.', wholeNumber(1, COUNT_MAX));
  addNamespace(addRemoteOptions(command, 'Print each message as one JSON line.'))
    .addHelpText('after', HELP)
    .action(async (topic: string, options: Options) => {
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      try {
        await printMessages(topic, options, stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
    });
};

async function printMessages(topic: string, options: Options, signal: AbortSignal): Promise<void> {
  const entered = await enter(options);
  const { client, namespace } = entered;
  const owners = readOwners(entered);
  const messages = client.subscribe({ topic, signal, ...(namespace === undefined ? {} : { namespace }) });
  const live = messages.ready.then(async () => {
    const node = await owners;
    note(`listening to ${harmless(topic)}${whose(entered, node)}${otherOwners(node)}`);
  });
  // A failure to become live ends the loop below as well, which reports it.
  live.catch(() => undefined);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  for await (const message of messages) {
    if (options.json) sayJson(plain(message));
    else say(readable(message.data));
    left -= 1;
    if (left <= 0) return;
  }
}

function plain({ data, ...rest }: Message): Record<string, unknown> {
  return { ...rest, data_base64: Buffer.from(data).toString('base64') };
}

function readable(data: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    // A file gets the bytes as they are; a terminal must not be steered by whoever publishes.
    return process.stdout.isTTY ? harmless(text) : text;
  } catch {
    return Buffer.from(data).toString('base64');
  }
}
