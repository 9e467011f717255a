import type { AddCommand } from './core/command.ts';
import { untilInterrupted } from './core/watch.ts';
import { addOperatorOptions, type OperatorOptions } from './storage/operator.ts';

const HELP = `
SEEN is when this node last was connected with the machine, - for a command line, which has no node; DELEGATED how long it may act unless
it renews, which it does by itself two months before the end.

Examples:
  $ maillon members
  $ maillon members --json | jq -r '.members[].peerId'`;

const REVOKE_HELP = `
A machine is revoked for ever, also while it is off: no node takes what it signs from then on, and its copies count for nothing. What it
wrote before stays. An invite that nobody has used is made useless.

To revoke is not to shut out: with the network's addresses the machine can connect like any peer, hear every topic and read every record, as
everybody in a swarm can. In a private network it knows the key: put a new one into network.keyFile of every other node.

Examples:
  $ maillon revoke 12D3KooW…
  $ maillon revoke 5f0c9d0a11e2b3c4                  an invite: maillon members lists the open ones`;

export const addMembers: AddCommand = (program) => {
  addOperatorOptions(
    program
      .command('members')
      .summary("list the owner's machines and open invites")
      .description(
        "List the machines that joined with this node's invites, and the invites that can be used.",
      ),
  )
    .addHelpText('after', HELP)
    .action((options: OperatorOptions) =>
      untilInterrupted(async (signal) => (await import('./members-actions.ts')).members(options, signal)),
    );
};

export const addRevoke: AddCommand = (program) => {
  addOperatorOptions(
    program
      .command('revoke')
      .summary('revoke a machine, or an invite')
      .description('Revoke a machine of this owner, or an invite that nobody has used.')
      .argument('<target>', 'Peer id or did:key of the machine, or id of the invite.'),
  )
    .addHelpText('after', REVOKE_HELP)
    .action((target: string, options: OperatorOptions) =>
      untilInterrupted(async (signal) =>
        (await import('./members-actions.ts')).revoke(target, options, signal),
      ),
    );
};
