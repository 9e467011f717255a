import { readBuild } from './core/build.ts';
import type { AddCommand } from './core/command.ts';
import { say, sayJson } from './core/terminal.ts';

const HELP = `
What a gateway runs is said by maillon status.

Examples:
  $ maillon version
  $ maillon version --json | jq -r .commit`;

export const addVersion: AddCommand = (program) => {
  program
    .command('version')
    .summary('show the version of this program')
    .description('Show the version of this program, and the commit that it was made from.')
    .option('--json', 'Print one JSON line.')
    .addHelpText('after', HELP)
    .action(({ json }: { json?: boolean }) => {
      const { version, commit, builtAt } = readBuild();
      if (json) sayJson({ version, commit, builtAt });
      else say(`${version} (${commit})`);
    });
};
