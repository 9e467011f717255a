import type { Command } from 'commander';
import type { AuditOptions, ShowOptions } from './audit-actions.ts';
import { type AddCommand, wholeNumber } from './core/command.ts';

const HELP = `
A node with a gateway, and a gateway, write down who signed in, what was administered and what was refused, in
DATA/audit: audit.log, older files beside it, and head, which names the last line. Each line holds the SHA-256
of the one before. No credential is in it.

Whoever may write the directory can replace the whole log. Keep what "verify --json" says (last.seq and
last.hash) somewhere else: a later log in which that line has another hash is not the same.

Examples:
  $ maillon audit show
  $ maillon audit verify`;

const VERIFY_HELP = `
It finds lines that were removed, changed, put in or cut off, and says where; exit code 1 then. Without FILE
the whole log is checked, to the line that its head names. A FILE is checked by itself: what was before it and
after it cannot be known. It may be run beside a running node.

Examples:
  $ maillon audit verify
  $ maillon audit verify /backup/audit-000000000001.log
  $ maillon audit verify --json | jq .last`;

const SHOW_HELP = `
Examples:
  $ maillon audit show
  $ maillon audit show --limit 1000 --json | jq -c 'select(.outcome == "refused")'`;

const LIMIT = 50;
const LIMIT_MAX = 100_000;

export const addAudit: AddCommand = (program) => {
  const audit = program
    .command('audit')
    .summary('read and verify the audit log')
    .description('Read and verify the log of authentication and administration.')
    .addHelpText('after', HELP);
  addWhere(
    audit
      .command('verify')
      .summary('check that nothing of it was changed')
      .description('Check that no line was removed, changed or put in.'),
  )
    .addHelpText('after', VERIFY_HELP)
    .action(async (file: string | undefined, options: AuditOptions) =>
      (await actions()).verifyAudit(file, options),
    );
  addWhere(
    audit
      .command('show')
      .summary('show the latest events')
      .description('Show the latest events, the oldest first.'),
  )
    .option('--limit <n>', 'How many.', wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText('after', SHOW_HELP)
    .action(async (file: string | undefined, options: ShowOptions) =>
      (await actions()).showAudit(file, options),
    );
};

// the settings come with the whole node: help does not wait for it to load
const actions = async () => import('./audit-actions.ts');

function addWhere(command: Command): Command {
  return command
    .argument('[file]', 'One file of a log.')
    .option('--data <dir>', 'Data directory. [MAILLON_DATA, default ./data]')
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option('--json', 'Print JSON lines.');
}
