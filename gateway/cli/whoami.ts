import type { AddCommand } from './core/command.ts';
import { addRemoteOptions, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
It asks the gateway who it takes you for, then lists all sessions that you have, at all gateways; * marks the one that is
used at its gateway. CUSTODY says who signs what is done with a session: gateway, the gateway's operator, in a namespace that
it holds for the wallet. Exit code 1 when the gateway does not answer, or does not know the session any more.

Examples:
  $ maillon whoami
  $ maillon whoami --gateway https://gateway.example --as alice
  $ maillon whoami --json | jq -r '.sessions[] | select(.current) | .wallet'`;

export const addWhoami: AddCommand = (program) => {
  const command = program
    .command('whoami')
    .summary('show as whom you are signed in')
    .description('Show as whom you are signed in, and what sessions there are.');
  addRemoteOptions(command, 'Print one JSON line.')
    .option('--namespace <name>', 'The session for this namespace.')
    .addHelpText('after', HELP)
    .action(async (options: RemoteOptions) => (await import('./sessions/whoami.ts')).whoami(options));
};
