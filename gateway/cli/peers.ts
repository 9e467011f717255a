import { roundDuration } from '../../protocols/common/quantities.ts';
import type { Client, Peer } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { scoreStyle, watchHint, withoutPeerId } from './core/status-view.ts';
import { type Cell, isTerminal, say, sayJson, table } from './core/terminal.ts';
import { impatientFetch, untilInterrupted, watch } from './core/watch.ts';
import { addRemoteOptions, connect, gatewayOf, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
SHARDS are those on which the peer is in the mesh: messages go to it at once. On the others it hears of them.
A peer below a SCORE of 0 has misbehaved; well below it is not listened to. Ids are shortened to their end,
which tells them apart; --long shows them whole.

Examples:
  $ maillon peers
  $ maillon peers --watch
  $ maillon peers --all --long
  $ maillon peers --json | jq -r '.peers[].id'`;

interface Options extends RemoteOptions {
  readonly all?: boolean;
  readonly long?: boolean;
  readonly watch?: boolean;
}

const HEADINGS = ['PEER', 'CONNECTED', 'AGENT', 'SCORE', 'SHARDS', 'SEEN', 'ADDRESS'];
/** The first of an id's 52 characters are the same for all. */
const ID_SHOWN = 8;

export const addPeers: AddCommand = (program) => {
  const command = program
    .command('peers')
    .summary('list the peers of a node')
    .description('List the peers a node is connected to.')
    .option('--all', 'List those it only knows of as well.')
    .option('--long', 'Show ids whole.')
    .option('--watch', 'Show them again every second until Ctrl-C.');
  addRemoteOptions(command, "Print the gateway's own JSON, one line a reading.")
    .addHelpText('after', HELP)
    .action((options: Options) =>
      untilInterrupted(async (signal) => {
        const said = { ...options, url: gatewayOf(options.url) };
        const client = await connect(said, options.watch ? { fetch: impatientFetch(signal) } : {});
        if (options.watch) return watchPeers(client, said, signal);
        const peers = await read(client, options);
        if (options.json) sayJson({ peers });
        else say(renderPeers(peers, options));
      }),
    );
};

async function read(client: Client, { all }: Options): Promise<Peer[]> {
  const known = await client.peers();
  return all ? known : known.filter(({ connected }) => connected);
}

function watchPeers(client: Client, options: Options & { url: string }, signal: AbortSignal): Promise<void> {
  return watch(
    {
      url: options.url,
      json: options.json === true,
      read: () => read(client, options),
      render: ({ value }) => {
        const text = renderPeers(value, options);
        return isTerminal() ? text + watchHint() : text;
      },
      toJson: ({ value }) => ({ peers: value }),
    },
    signal,
  );
}

export function renderPeers(peers: readonly Peer[], { long }: Pick<Options, 'long'>): string {
  if (peers.length === 0) return 'no peers';
  const now = Date.now();
  const rows = peers.map((peer): Cell[] => [
    long ? peer.id : shortId(peer.id),
    peer.connected ? (peer.direction ?? 'yes') : 'no',
    // its swarm is this node's: others are hung up on
    peer.agent?.replace(/ \(swarm [^)]*\)$/, '') ?? '-',
    { text: peer.score.toFixed(1), style: scoreStyle(peer.score) },
    ranges(peer.mesh_shards),
    peer.connected ? 'now' : ago(now - Date.parse(peer.last_seen)),
    withoutPeerId(peer.addresses[0] ?? '-'),
  ]);
  return table(HEADINGS, rows);
}

/** The end of an id, which tells it from others. */
export function shortId(id: string): string {
  return id.length > ID_SHOWN ? `…${id.slice(-ID_SHOWN)}` : id;
}

/** An age as text; more than 20 years means never. */
export function ago(ms: number): string {
  const FOREVER_MS = 20 * 365 * 86_400_000;
  return ms > FOREVER_MS ? 'never' : roundDuration(ms);
}

/** `0-2,5`. */
export function ranges(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const found: [number, number][] = [];
  for (const number of sorted) {
    const last = found.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',') || '-';
}
