import { type AddCommand, wholeNumber } from './core/command.ts';
import { EXIT_FAILED } from './core/errors.ts';
import { runService } from './core/lifetime.ts';
import { note } from './core/terminal.ts';
import { LocalSwarm } from './swarm/launch.ts';

/** Each is a process of some 100 MB. */
const MEMBERS_MAX = 100;

const HELP = `
Every node and every gateway is a process of its own on 127.0.0.1; the first node is the bootstrap peer of the
others. When all have joined, one JSON line says where they are:
  {"ready":true,"nodes":[{"peerId","multiaddrs","pid","http"}],"gateways":[{"url","pid"}]}
Progress goes to standard error, each process's log to DIR/<name>.log. Settings in MAILLON_* variables reach
every process. Ctrl-C ends all of them. One that is killed is not started again: standard error says with which
command to do that, and it is the same node of the same owner then.

Ports: free ones, or with --base-port P: node i has P+2i (TCP), P+2i+1 (WebSocket), P+1000+i (HTTP); the light
gateways have the HTTP ports after the last node's.

Examples:
  $ maillon swarm
  $ npm run swarm -- --nodes 5 --gateways 2
  $ maillon swarm --nodes 10 --gateways 0 --base-port 20000 --data ./swarm`;

interface Options {
  readonly nodes: number;
  readonly gateways: number;
  readonly basePort?: number;
  readonly data?: string;
}

export const addSwarm: AddCommand = (program, context) => {
  program
    .command('swarm')
    .summary('run a whole swarm on this machine')
    .description(
      'Run a swarm of separate processes on this machine, to develop against or to try things out.',
    )
    .option('--nodes <number>', 'Full nodes, each with its own gateway.', wholeNumber(1, MEMBERS_MAX), 3)
    .option('--gateways <number>', 'Light gateways.', wholeNumber(0, MEMBERS_MAX), 1)
    .option('--base-port <port>', 'First port; without it free ones are taken.', wholeNumber(1, 65_535))
    .option('--data <dir>', 'Directory for data and logs; without it a temporary one, removed at the end.')
    .option('--json', 'Report errors as JSON; the ready line is JSON in any case.')
    .addHelpText('after', HELP)
    .action(async ({ nodes, gateways, basePort, data }: Options) => {
      const swarm = new LocalSwarm({ nodes, gateways, basePort, directory: data });
      const code = await runService({
        start: (signal) => swarm.start(signal),
        stop: () => swarm.stop(),
        ended: swarm.ended.then(() => {
          note('swarm: every process is gone');
          context.exit(EXIT_FAILED);
        }),
        crashed: (error) => note(`maillon: an error nobody expected: ${String(error)}`),
      });
      if (code !== 0) context.exit(code);
    });
};
