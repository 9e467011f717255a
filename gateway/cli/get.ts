import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Consistency, Kv, OpenValue } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { makeNamed } from './core/named-file.ts';
import { Progress } from './core/progress.ts';
import type { SaveOptions } from './core/save-value.ts';
import { note, sayJson } from './core/terminal.ts';
import {
  addKvNamespace,
  connectKv,
  consistencyOption,
  DEGRADED_NOTE,
  type KvOptions,
  noValue,
} from './sessions/kv-remote.ts';
import { addRemoteOptions } from './sessions/remote.ts';

const HELP = `
Standard output gets the bytes as they were stored, nothing added. Exit code 1 when there is no value.
A large value goes on after a broken connection. --output replaces the file once all of it has come; what came before the
command was ended is beside it (.part), and the next run goes on there.
With --json: {"key","etag","id","version","contentType","size","author","time","expiresAt","degraded","blob","value_base64"}

Examples:
  $ maillon get greeting
  $ maillon get app/config --output config.json
  $ maillon get greeting --consistency one            the nearest copy, quick but perhaps not the newest
  $ maillon get greeting --json | jq -r .value_base64 | base64 -d`;

interface Options extends KvOptions {
  readonly output?: string;
  readonly consistency?: Consistency;
}

/** A value in JSON is in memory. */
const JSON_VALUE_MAX_BYTES = 2 ** 20;

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
      const { consistency, output } = options;
      const kv = await connectKv(options);
      const reading = consistency === undefined ? {} : { consistency };
      const value =
        output === undefined ? await kv.open(key, reading) : await save(kv, key, { output, reading });
      if (value === null) throw noValue(key);
      if (value.degraded) note(DEGRADED_NOTE);
      if (options.json) sayJson(await plain(value, output === undefined));
      else if (output === undefined) await sayBytes(value);
    });
};

/** Loads late: checking a file needs all the code that makes blobs, and the other commands do not wait for it. */
async function save(kv: Kv, key: string, options: SaveOptions): Promise<OpenValue | null> {
  const { saveValue } = await import('./core/save-value.ts');
  return makeNamed('--output', options.output, async () => saveValue(kv, key, options));
}

async function plain(
  { bytes, stream, ...head }: OpenValue,
  withValue: boolean,
): Promise<Record<string, unknown>> {
  if (!withValue) return head;
  if (head.size > JSON_VALUE_MAX_BYTES) {
    await stream().cancel();
    const message = `the value has ${head.size} bytes, too many for a line of JSON: say where it goes with --output`;
    throw new CodedError('too_large', message);
  }
  return { ...head, value_base64: Buffer.from(await bytes()).toString('base64') };
}

/** They are out when it resolves: the program ends right after. */
async function sayBytes({ stream, size }: OpenValue): Promise<void> {
  // a terminal that shows the value shows nothing else
  const write = process.stdout.isTTY ? { write: null } : {};
  const progress = new Progress({ verb: 'got', size, ...write });
  try {
    await pipeline(counted(stream(), progress), process.stdout, { end: false });
    // what a pipe has not taken yet
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.write('', () => resolve());
    await promise;
  } finally {
    progress.end();
  }
}

async function* counted(stream: ReadableStream<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0])) {
    bytes += (chunk as Uint8Array).byteLength;
    progress.report(bytes);
    yield chunk as Uint8Array;
  }
}
