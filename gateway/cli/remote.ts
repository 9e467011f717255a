import { type Command, Option } from 'commander';
import { type Client, createClient } from '../client/index.ts';
import { UsageError } from './errors.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** What every command that talks to a gateway takes. */
export interface RemoteOptions {
  readonly url: string;
  readonly json?: boolean;
}

export function addRemoteOptions(command: Command, jsonHelp: string): Command {
  return command
    .addOption(new Option('--url <url>', 'Gateway to talk to.').env('MAILLON_URL').default(DEFAULT_URL))
    .option('--json', jsonHelp);
}

/** `--namespace`, for the commands that deal with topics. */
export function addNamespace(command: Command): Command {
  return command.option(
    '--namespace <name>',
    'Namespace of the topic, name@did:… of another owner; default when missing.',
  );
}

export function connect(options: RemoteOptions, fetch?: typeof globalThis.fetch): Client {
  const { url } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is no gateway's URL: it must be like ${DEFAULT_URL}`);
  }
  return createClient({ url, ...(fetch === undefined ? {} : { fetch }) });
}
