import { Option } from 'commander';
import type { AddCommand } from './core/command.ts';
import { untilInterrupted } from './core/watch.ts';
import type { InviteOptions } from './members-actions.ts';
import { addOperatorOptions } from './storage/operator.ts';

const HELP = `
Run it where the owner's key is: at the first machine. The other machine then means the same namespaces by the same names, and
signs with its own key, under a delegation that renews itself. It never gets the owner's key, nor the right to set policies.

Roles: node keeps the owner's data as a replica; gateway serves clients and keeps nothing; member is a command line without a node.

The invite is a secret: it can be used once, until it expires. With --to only that machine can use it; to revoke such an invite is to revoke
the machine. Standard output has the invite alone, so that it can be piped.

Examples:
  $ maillon invite
  $ maillon invite --role gateway --expires 10m
  $ maillon invite | ssh other.example maillon node --join - --yes
  $ maillon invite --to 12D3KooW…                    for that machine alone, redeemed without asking this one
  $ maillon invite --to did:key:z6Mk…                there: maillon keys new identity prints it`;

export const addInvite: AddCommand = (program) => {
  const command = program
    .command('invite')
    .summary('let another machine join this one')
    .description('Print an invite: one line with which another machine joins this one.')
    .addOption(
      new Option('--role <role>', 'What the machine joins as.')
        .choices(['node', 'gateway', 'member'])
        .default('node'),
    )
    .option('--expires <time>', 'How long it can be used, such as 30m, 1h, 7d.', '1h')
    .option('--to <machine>', 'Only this machine can use it: its peer id, or the did:key of its identity.');
  addOperatorOptions(command)
    .addHelpText('after', HELP)
    .action((options: InviteOptions) =>
      untilInterrupted(async (signal) => (await import('./members-actions.ts')).invite(options, signal)),
    );
};
