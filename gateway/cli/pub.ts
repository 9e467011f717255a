import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import type { Receipt } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { harmless, note, say, sayJson } from './core/terminal.ts';
import { addNamespace, addRemoteOptions, enter, type RemoteOptions } from './sessions/remote.ts';
import { isAlone, otherOwners, readOwners, whose } from './sessions/whose.ts';
import { addSigningOptions, type SigningOptions, signsHere } from './signing/options.ts';
import { signedPublisher } from './signing/send.ts';

const HELP = `
Without MESSAGE standard input is published: as one message, or with --lines each line as its own.
What is printed says how many peers the message was sent to; 0 is no failure at a node that serves subscribers.

With --key or --chain it is signed here, by a key of yours, and --namespace without an owner is one of whose grant
is used, or else of the key's own.

Examples:
  $ maillon pub news "hello"
  $ date | maillon pub news
  $ maillon pub news "hello" --namespace team --key bob --chain bob.chain
  $ tail -f app.log | maillon pub logs --lines --namespace ops`;

interface Options extends RemoteOptions, SigningOptions {
  readonly namespace?: string;
  readonly lines?: boolean;
}

export const addPub: AddCommand = (program) => {
  const command = program
    .command('pub')
    .alias('publish')
    .summary('publish a message to a topic')
    .description('Publish a message to a topic through a gateway.')
    .argument('<topic>', 'Topic, 1 to 256 bytes.')
    .argument('[message]', 'Text to publish; standard input when missing.')
    .option('--lines', 'Publish each line of standard input as a message of its own.');
  addSigningOptions(
    addNamespace(addRemoteOptions(command, 'Print the receipt as one JSON line.')),
    'Sign it here with this key; otherwise the node of the gateway does.',
  )
    .addHelpText('after', HELP)
    .action(async (topic: string, message: string | undefined, options: Options) => {
      const isSigned = signsHere(options);
      const entered = await enter(options, { isSigned });
      const { client, namespace } = entered;
      const where = namespace === undefined ? { topic } : { topic, namespace };
      const send = isSigned
        ? await signedPublisher(client, { ...options, topic })
        : async (data: Uint8Array) => client.publish({ ...where, data });
      const publish = async (data: Uint8Array): Promise<void> => {
        const receipt = await send(data);
        if (options.json) sayJson(receipt);
        else say(describeReceipt(receipt));
      };
      const owners = readOwners(entered);
      for await (const data of messagesOf(message, options)) await publish(data);
      const node = await owners;
      if (node !== null && isAlone(node)) {
        note(`nobody else listens to ${harmless(topic)}${whose(entered, node)}${otherOwners(node)}`);
      }
    });
};

/** The message, standard input, or each of its lines: one after another, so that they keep their order and the gateway sets the pace. */
async function* messagesOf(
  message: string | undefined,
  { lines = false }: Options,
): AsyncGenerator<Uint8Array, void> {
  if (message === undefined && process.stdin.isTTY) note('Type the message; Ctrl-D ends it.');
  if (message !== undefined) yield Buffer.from(message);
  else if (!lines) yield new Uint8Array(await buffer(process.stdin));
  else for await (const line of createInterface({ input: process.stdin })) yield Buffer.from(line);
}

function describeReceipt(receipt: Receipt): string {
  const { peersReached, messageIds, id } = receipt;
  const reached = peersReached === 1 ? '1 peer' : `${peersReached} peers`;
  const alone = peersReached === 0 ? ' (only subscribers of this node get it)' : '';
  return `published ${messageIds[0] ?? id} to ${reached}${alone}`;
}
