import type { AddCommand } from './core/command.ts';
import { addJoinOptions, type JoinOptions } from './join/options.ts';

const HELP = `
Settings are taken from flags, then variables, then maillon.yaml in this directory, then defaults. In the file
the flag --gateway-port is the key port in the section gateway. Lists take commas, flags may be repeated.
An unknown name anywhere is refused.

Standard output: the gateway's URL; with --bootstrap-peer, then the addresses other nodes pass to --bootstrap.
The log goes to standard error. Ctrl-C stops within 3 s, a second one at once.

Examples:
  $ maillon node
  $ maillon node --bootstrap-peer
  $ maillon node --join -                             joins the machine whose maillon invite is pasted or piped in
  $ maillon node --data ./data-b --bootstrap /ip4/192.0.2.1/tcp/4411/p2p/12D3KooW…
  $ MAILLON_LOG_LEVEL=debug maillon node --no-gateway-enabled`;

export const addNode: AddCommand = async (program, context) => {
  const command = program
    .command('node')
    .summary('run a full node with a gateway')
    .description(
      'Run a full node: it joins the swarm, relays messages, and serves HTTP and WebSocket clients.',
    )
    .option('--json', 'Print one JSON line when ready; report errors as JSON.')
    .addHelpText('after', HELP);
  addJoinOptions(command);
  // The settings come with the whole node: the other commands answer without waiting for it to load.
  if (!context.mayMean('node')) return;
  const { addSettings, saidSettings } = await import('./core/settings.ts');
  addSettings(command);
  command.action(async (options: JoinOptions & { json?: boolean; config?: string }) => {
    const { serve } = await import('./serve.ts');
    const flags = saidSettings(command);
    context.exit(
      await serve({
        role: 'full',
        flags,
        file: options.config,
        defaults: {},
        json: options.json === true,
        join: options,
      }),
    );
  });
};
