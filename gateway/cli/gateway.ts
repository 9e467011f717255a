import type { AddCommand } from './core/command.ts';
import { addJoinOptions, type JoinOptions } from './join/options.ts';

/** Its own, so that a node and a gateway can be started from the same directory. */
const DEFAULTS = { data: './data/gateway' };

const HELP = `
A gateway needs at least one node to join through: --join with an invite, or --bootstrap. It listens on no swarm port and keeps nothing
of the swarm but its own key. Settings are taken as by: maillon node --help

Examples:
  $ maillon gateway --join -
  $ maillon gateway --bootstrap /ip4/192.0.2.1/tcp/4411/p2p/12D3KooW…
  $ MAILLON_BOOTSTRAP=/ip4/192.0.2.1/tcp/4411/p2p/12D3KooW… maillon gateway --gateway-port 8081`;

export const addGateway: AddCommand = async (program, context) => {
  const command = program
    .command('gateway')
    .summary('run a light gateway to a swarm')
    .description(
      'Run a gateway alone: a light peer that serves HTTP and WebSocket clients and only dials out.',
    )
    .option('--json', 'Print one JSON line when ready; report errors as JSON.')
    .addHelpText('after', HELP);
  addJoinOptions(command);
  // The settings come with the whole node: the other commands answer without waiting for it to load.
  if (!context.mayMean('gateway')) return;
  const { addSettings, saidSettings } = await import('./core/settings.ts');
  addSettings(command, DEFAULTS);
  command.action(async (options: JoinOptions & { json?: boolean; config?: string }) => {
    const { serve } = await import('./serve.ts');
    const flags = saidSettings(command);
    const json = options.json === true;
    context.exit(
      await serve({ role: 'light', flags, file: options.config, defaults: DEFAULTS, json, join: options }),
    );
  });
};
