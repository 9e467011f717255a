import { call, urlOf } from '../client/transport.ts';
import type { AddCommand } from './core/command.ts';
import { harmless, say, sayJson } from './core/terminal.ts';
import { addRemoteOptions, enter, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
The operator of a gateway may do this: on the gateway's own machine, or with an API key of scope admin
(MAILLON_API_KEY_FILE). A connection that is to last is one of --bootstrap.

Examples:
  $ maillon connect /ip4/192.0.2.1/tcp/4411/p2p/12D3KooW…
  $ maillon connect "$(maillon id --url http://127.0.0.1:8081 --json | jq -r '.addresses[0]')" --json`;

export const addConnect: AddCommand = (program) => {
  const command = program
    .command('connect')
    .summary('have a node connect to a peer')
    .description("Have a gateway's node connect to a peer.")
    .argument('<multiaddr>', 'Address of the peer, which ends in /p2p/ and its peer id.');
  addRemoteOptions(command, 'Print the answer as one JSON line.')
    .addHelpText('after', HELP)
    .action(async (multiaddr: string, options: RemoteOptions) => {
      const { transport } = await enter(options);
      const answer = await call<object>(transport, urlOf(transport, '/v1/network/connect', {}), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ multiaddr }),
      });
      if (options.json) sayJson(answer);
      else say(`connected to ${harmless(multiaddr)}`);
    });
};
