import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AddCommand } from './core/command.ts';
import { untilInterrupted } from './core/watch.ts';
import type { LoadOptions } from './features-actions.ts';
import { addOperatorOptions, type OperatorOptions } from './storage/operator.ts';

const HELP = `
A feature is a module that exports "feature", and "gatewayFeature" where it has routes (ARCHITECTURE.md). It is trusted code: it runs with
all rights of the node. One that is to be there after the next start stands in maillon.yaml under features.paths.

When a feature with routes is loaded or unloaded, the gateway closes and listens anew: streaming clients connect again.

Examples:
  $ maillon features
  $ maillon features load ./echo/feature.ts --set echo.maxBytes=4096
  $ maillon features unload echo`;

const LOAD_HELP = `
Examples:
  $ maillon features load ./echo/feature.ts
  $ maillon features load ./echo/feature.ts --set echo.maxBytes=4096 --json`;

const UNLOAD_HELP = `
Examples:
  $ maillon features unload echo`;

const actions = async () => import('./features-actions.ts');

export const addFeatures: AddCommand = (program) => {
  const group = addOperatorOptions(
    program
      .command('features')
      .summary('list, load and unload features of third parties')
      .description('List the features that a running node has loaded from paths; load and unload others.'),
  )
    .addHelpText('after', HELP)
    .action((options: OperatorOptions) =>
      untilInterrupted(async (signal) => (await actions()).list(options, signal)),
    );
  addOperatorOptions(
    group
      .command('load')
      .summary('load a feature into the running node')
      .description('Load the feature that a module of this machine exports, and start it.')
      .argument('<path>', 'The module.')
      .option('--set <setting=value...>', 'A setting of the feature: JSON, or text.')
      .addHelpText('after', LOAD_HELP),
  ).action((path: string, _options: unknown, command: Command) =>
    untilInterrupted(async (signal) =>
      (await actions()).load(resolve(path), command.optsWithGlobals<LoadOptions>(), signal),
    ),
  );
  addOperatorOptions(
    group
      .command('unload')
      .summary('stop a feature that was loaded')
      .description('Stop a feature that was loaded from a path.')
      .argument('<name>', 'Its name.')
      .addHelpText('after', UNLOAD_HELP),
  ).action((name: string, _options: unknown, command: Command) =>
    untilInterrupted(async (signal) =>
      (await actions()).unload(name, command.optsWithGlobals<OperatorOptions>(), signal),
    ),
  );
};
