import type { AddCommand } from './core/command.ts';
import { properties, say, sayJson } from './core/terminal.ts';
import { addRemoteOptions, connect, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
The peer id names the node in the swarm; the author (a did:key) is who signs what is published through it.

Examples:
  $ maillon id
  $ maillon id --json | jq -r .peerId`;

const PEER_ID_HELP = `
Examples:
  $ maillon peer-id
  $ maillon peer-id --url http://127.0.0.1:8081 --json`;

/** The id alone, for scripts. */
export const addPeerId: AddCommand = (program) => {
  const command = program
    .command('peer-id')
    .summary('print the peer id of a node')
    .description('Print the peer id of a node, and nothing else.');
  addRemoteOptions(command, 'Print one JSON line.')
    .addHelpText('after', PEER_ID_HELP)
    .action(async (options: RemoteOptions) => {
      const { peerId } = await (await connect(options)).info();
      if (options.json) sayJson({ peerId });
      else say(peerId);
    });
};

export const addId: AddCommand = (program) => {
  const command = program
    .command('id')
    .summary('show who a node is')
    .description('Show who a node is: its peer id, the author it signs as, and its addresses.');
  addRemoteOptions(command, 'Print one JSON line.')
    .addHelpText('after', HELP)
    .action(async (options: RemoteOptions) => {
      const { peerId, author, swarm, role, addresses } = await (await connect(options)).info();
      if (options.json) return sayJson({ peerId, author, swarm, role, addresses });
      say(
        properties([
          ['peer id', peerId],
          ['author', author],
          ['swarm', swarm],
          ['role', role],
          ...addresses.map((address): [string, string] => ['address', address]),
        ]),
      );
    });
};
