import { ClientError } from '../client/index.ts';
import { send, urlOf } from '../client/transport.ts';
import type { AddCommand } from './core/command.ts';
import { EXIT_FAILED } from './core/errors.ts';
import { properties, say, sayJson } from './core/terminal.ts';
import { addRemoteOptions, enter, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
Each check was made just now. Exit code 1 when one of them fails, or the gateway does not answer.

Examples:
  $ maillon health
  $ maillon health --url http://127.0.0.1:8081 --json | jq .client.checks`;

/** The gateway's answer, ready or not. */
interface Health {
  readonly status: string;
  readonly server: { readonly uptime: string };
  readonly client: { readonly checks: Readonly<Record<string, string>> };
}

export const addHealth: AddCommand = (program, context) => {
  const command = program
    .command('health')
    .summary('check that a gateway works')
    .description('Check that a gateway and what it needs work.');
  addRemoteOptions(command, "Print the gateway's own JSON.")
    .addHelpText('after', HELP)
    .action(async (options: RemoteOptions) => {
      const { transport } = await enter(options);
      const response = await send(transport, urlOf(transport, '/v1/health', {}));
      const health = (await response.json().catch(() => null)) as Health | null;
      if (health?.client?.checks === undefined) {
        throw new ClientError('bad_answer', response.status, 'the server did not answer as a gateway does');
      }
      if (options.json) sayJson(health);
      else say(describeHealth(health));
      if (!response.ok) context.exit(EXIT_FAILED);
    });
};

function describeHealth({ status, server, client }: Health): string {
  return properties([['health', status], ['uptime', server.uptime], ...Object.entries(client.checks)]);
}
