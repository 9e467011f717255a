import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { ratesBetween, renderStatus, type StatusReading, watchHint } from './core/status-view.ts';
import { isTerminal, say, sayJson } from './core/terminal.ts';
import { impatientFetch, type Reading, untilInterrupted, watch } from './core/watch.ts';
import { addRemoteOptions, connect, gatewayOf, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
Rates are of the second in which it looks; with --json alone it looks once and has none. A line that is yellow
wants attention, a red one action: a shard without peers, a loop that is late, a disk that is nearly full.

Examples:
  $ maillon status
  $ maillon status --watch                                        again every second, in place
  $ maillon status --watch --json | jq .rates.messagesInPerSecond
  $ maillon status --url http://127.0.0.1:8081 --json | jq .node.eventLoop`;

interface Options extends RemoteOptions {
  readonly watch?: boolean;
}
type Said = Options & { readonly url: string };

/** Rates of a single look are of this time. */
const LOOK_MS = 1000;

export const addStatus: AddCommand = (program) => {
  const command = program
    .command('status')
    .summary('show how a gateway and its node are')
    .description('Show how a gateway and its node are: peers, mesh, messages, event loop, memory, disk.')
    .option('--watch', 'Show it again every second until Ctrl-C.');
  addRemoteOptions(command, "Print the gateway's own JSON, one line a reading.")
    .addHelpText('after', HELP)
    .action((options: Options) =>
      untilInterrupted(async (signal) => {
        const said = { ...options, url: gatewayOf(options.url) };
        const client = await connect(said, options.watch ? { fetch: impatientFetch(signal) } : {});
        if (options.watch) await watchStatus(client, said, signal);
        else if (options.json) sayJson(plain(await read(client)));
        else await sayStatus(client, said, signal);
      }),
    );
};

async function read(client: Client): Promise<StatusReading> {
  const [status, version, peers] = await Promise.all([client.status(), client.version(), client.peers()]);
  return { status, version, peers };
}

async function sayStatus(client: Client, { url }: Said, signal: AbortSignal): Promise<void> {
  const before: Reading<StatusReading> = { value: await read(client), at: performance.now() };
  await wait(LOOK_MS, undefined, { signal });
  const now: Reading<StatusReading> = { value: await read(client), at: performance.now() };
  say(renderStatus(url, now.value, ratesBetween(before, now)));
}

function watchStatus(client: Client, options: Said, signal: AbortSignal): Promise<void> {
  const { url, json = false } = options;
  return watch(
    {
      url,
      json,
      read: () => read(client),
      render: (now, before) => {
        const text = renderStatus(url, now.value, before && ratesBetween(before, now));
        return isTerminal() ? text + watchHint() : text;
      },
      toJson: (now, before) => ({ ...plain(now.value), rates: before && ratesBetween(before, now) }),
    },
    signal,
  );
}

function plain({ status, version }: StatusReading): object {
  return { ...status, version };
}
