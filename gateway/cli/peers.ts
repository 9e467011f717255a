import type { AddCommand } from './command.ts';
import { addRemoteOptions, connect, type RemoteOptions } from './remote.ts';
import { duration, say, sayJson, table } from './terminal.ts';

const HELP = `
SHARDS counts the shards on which the peer is in the mesh; below a SCORE of 0 a peer has misbehaved.

Examples:
  $ maillon peers
  $ maillon peers --all
  $ maillon peers --json | jq -r '.peers[].id'`;

interface Options extends RemoteOptions {
  readonly all?: boolean;
}

export const addPeers: AddCommand = (program) => {
  const command = program
    .command('peers')
    .summary('list the peers of a node')
    .description('List the peers a node is connected to.')
    .option('--all', 'List those it only knows of as well.');
  addRemoteOptions(command, "Print the gateway's own JSON.")
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const known = await connect(options).peers();
      const peers = options.all ? known : known.filter(({ connected }) => connected);
      if (options.json) return sayJson({ peers });
      if (peers.length === 0) return say('no peers');
      const now = Date.now();
      const rows = peers.map((peer) => [
        peer.id,
        peer.connected ? (peer.direction ?? 'yes') : 'no',
        peer.agent ?? '-',
        String(peer.mesh_shards.length),
        peer.score.toFixed(1),
        peer.connected ? 'now' : `${duration(now - Date.parse(peer.last_seen))} ago`,
        peer.addresses[0] ?? '-',
      ]);
      say(table(['PEER', 'CONNECTED', 'AGENT', 'SHARDS', 'SCORE', 'SEEN', 'ADDRESS'], rows));
    });
};
