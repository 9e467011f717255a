import type { AddCommand } from './core/command.ts';
import { addJoinOptions, type JoinCommandOptions, type JoinOptions } from './join/options.ts';

const HELP = `
INVITE is what maillon invite --role member printed; "-" reads it from standard input, where other users of this machine do not see it.
Afterwards pub, put and del sign here, with your own key (~/.maillon/keys/development.key), in the namespaces of the one who invited you,
through whichever gateway --url names. Gateways let you read there once the owner's policy names you: sign in with maillon login, and have
the owner run maillon namespace set NAME --read DID with the DID that maillon whoami prints.

A machine that is to run a node joins with maillon node --join, or maillon gateway --join.

Examples:
  $ maillon join -
  $ maillon join --join-file ./invite --yes`;

export const addJoin: AddCommand = (program) => {
  const command = program
    .command('join')
    .summary('join with this command line alone')
    .description('Join with an invite, without running a node.')
    .argument('[invite]', 'The invite; - for standard input.')
    .option(
      '--data <dir>',
      'Data directory of a node that ran on this machine, whose owner key then signs; what joining grants is kept in ~/.maillon in any case. [MAILLON_DATA, default ./data]',
    )
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option('--json', 'Print one JSON line.');
  addJoinOptions(command, { isArgument: true })
    .addHelpText('after', HELP)
    .action(async (invite: string | undefined, options: JoinOptions & JoinCommandOptions) => {
      const { joinCommandLine } = await import('./join/actions.ts');
      await joinCommandLine({ ...options, ...(invite === undefined ? {} : { join: invite }) });
    });
};
