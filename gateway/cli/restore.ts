import type { RestoreCommandOptions } from './backup-actions.ts';
import type { AddCommand } from './core/command.ts';
import { untilInterrupted } from './core/watch.ts';

const HELP = `
DATA must hold no node. The restored node is the same one: its peer id, owner, keys, namespaces, API keys. Sessions and nonces end, since nobody
knows which of them ended after the backup. Its records count, and are read, once it has reconciled with the other replicas; where there are none
it serves the backup, and says as of when: start the other machines, or revoke those that are gone (maillon revoke). A node with the same identity
that runs anywhere in the swarm is found at the start, which then refuses.

The backup does not know which machines joined or were revoked after it: see maillon members, and revoke again; another node that knows a
revocation tells of it, too. All open invites end.

An API key that was revoked after the backup is good again: --revoke-api-keys ends all of them, and new ones are made at the admin listener.

Examples:
  $ maillon restore /var/backups/maillon --data ./data
  $ maillon restore /var/backups/maillon --data ./copy --without-identity       another node, with the same records and blobs`;

export const addRestore: AddCommand = (program) => {
  program
    .command('restore')
    .summary('make a node from a backup')
    .description('Put a backup into a data directory: the same node, on this machine.')
    .argument('<dir>', 'Directory that maillon backup wrote.')
    .option('--data <dir>', 'Data directory. [MAILLON_DATA, default ./data]')
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option('--without-identity', 'Make another node: with its own peer id, and without the gateway.')
    .option('--revoke-api-keys', 'Revoke every API key.')
    .option('--json', 'Print one JSON line at the end.')
    .addHelpText('after', HELP)
    .action((directory: string, options: RestoreCommandOptions) =>
      untilInterrupted(async (signal) => {
        await (await import('./backup-actions.ts')).restore(directory, options, signal);
      }),
    );
};
