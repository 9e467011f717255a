import type { AddCommand } from './core/command.ts';
import type { LogoutOptions } from './sessions/logout.ts';
import { urlOption } from './sessions/remote.ts';

const HELP = `
The session ends at the gateway and is deleted here; where the gateway does not answer it is deleted all the same, and that
is said.

Examples:
  $ maillon logout
  $ maillon logout --gateway https://gateway.example --as alice
  $ maillon logout --all
  $ maillon logout --all --gateway https://gateway.example --json | jq .ended`;

export const addLogout: AddCommand = (program) => {
  const command = program
    .command('logout')
    .summary('end a session')
    .description('End a session at a gateway.');
  command
    .addOption(urlOption())
    .option('--as <who>', 'Wallet or key whose session ends; the one that is used when missing.')
    .option('--namespace <name>', 'The session for this namespace.')
    .option('--all', 'Every session: of the gateway where one is named, else of all gateways.')
    .option('--json', 'Print one JSON line.')
    .addHelpText('after', HELP)
    .action(async (options: LogoutOptions) => {
      const isGatewayNamed = options.url !== undefined;
      await (await import('./sessions/logout.ts')).logout(options, isGatewayNamed);
    });
};
