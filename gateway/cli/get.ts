import { writeFile } from 'node:fs/promises';
import type { Consistency, Value } from '../client/index.ts';
import type { AddCommand } from './command.ts';
import {
  addKvNamespace,
  connectKv,
  consistencyOption,
  DEGRADED_NOTE,
  type KvOptions,
  noValue,
} from './kv-remote.ts';
import { addRemoteOptions } from './remote.ts';
import { note, sayJson } from './terminal.ts';

const HELP = `
Standard output gets the bytes as they were stored, nothing added. Exit code 1 when there is no value.
With --json: {"key","etag","id","version","contentType","size","author","time","expiresAt","degraded","value_base64"}

Examples:
  $ maillon get greeting
  $ maillon get app/config --output config.json
  $ maillon get greeting --consistency one            the nearest copy, quick but perhaps not the newest
  $ maillon get greeting --json | jq -r .value_base64 | base64 -d`;

interface Options extends KvOptions {
  readonly output?: string;
  readonly consistency?: Consistency;
}

export const addGet: AddCommand = (program) => {
  const command = program
    .command('get')
    .summary('print the value under a key')
    .description('Print the value under a key, read through a gateway.')
    .argument('<key>', 'Key.')
    .option('--output <path>', 'Write it to this file instead.')
    .addOption(consistencyOption());
  addKvNamespace(
    addRemoteOptions(command, 'Print what is known of it and the value in base64 as one JSON line.'),
  )
    .addHelpText('after', HELP)
    .action(async (key: string, options: Options) => {
      const { consistency } = options;
      const kv = await connectKv(options);
      const value = await kv.get(key, consistency === undefined ? {} : { consistency });
      if (value === null) throw noValue(key);
      if (value.degraded) note(DEGRADED_NOTE);
      if (options.output !== undefined) await writeFile(options.output, value.bytes);
      if (options.json) sayJson(plain(value, options.output === undefined));
      else if (options.output === undefined) await sayBytes(value.bytes);
    });
};

function plain({ bytes, text: _text, ...head }: Value, withValue: boolean): Record<string, unknown> {
  return withValue ? { ...head, value_base64: Buffer.from(bytes).toString('base64') } : head;
}

/** Waits until they are out: the program ends right after. */
async function sayBytes(bytes: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.stdout.write(bytes, () => resolve());
  await promise;
}
