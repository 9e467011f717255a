import type { BackupCommandOptions } from './backup-actions.ts';
import type { AddCommand } from './core/command.ts';
import { untilInterrupted } from './core/watch.ts';
import { addOperatorOptions } from './storage/operator.ts';

const HELP = `
DIR then holds all that makes the node: identity, owner's key, keys, namespaces, the gateway's secret, API keys, audit log, records, blobs, and
its settings as a file to look at. DIR is as secret as the node: it opens everything. Keep it as you keep the data directory.

The node of the data directory makes it while it runs; one that is stopped is copied by this command. A further backup into the same DIR
replaces the one before once it was read back whole, and copies no blob that is there already. On one file system blobs are hard links, unless --copy.

Examples:
  $ maillon backup /var/backups/maillon
  $ maillon backup /mnt/elsewhere/maillon --copy --json | jq .writtenBytes
  $ maillon backup /backup --admin http://127.0.0.1:9465      a node on another data directory`;

export const addBackup: AddCommand = (program) => {
  const command = program
    .command('backup')
    .summary('copy all that makes a node')
    .description('Copy all that makes a node into a directory, from which maillon restore makes it again.')
    .argument('<dir>', 'Directory on the machine of the node: made, empty, or with earlier backups of it.')
    .option('--copy', 'Copy blobs that could be linked.');
  addOperatorOptions(command)
    .addHelpText('after', HELP)
    .action((directory: string, options: BackupCommandOptions) =>
      untilInterrupted(async (signal) => {
        const isNamed = ['cli', 'env'].includes(command.getOptionValueSource('admin') ?? '');
        await (await import('./backup-actions.ts')).backup(directory, { ...options, isNamed }, signal);
      }),
    );
};
