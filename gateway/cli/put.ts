import { Readable } from 'node:stream';
import { Option } from 'commander';
import { roundDuration } from '../../protocols/common/quantities.ts';
import { VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import type { Durability, Kv, PutOptions, Written } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { UsageError } from './core/errors.ts';
import { readBounded, sizeOfStandardInput } from './core/input.ts';
import { openNamed } from './core/named-file.ts';
import { Progress } from './core/progress.ts';
import { harmless, note, say, sayJson } from './core/terminal.ts';
import { addKvNamespace, connectKv, type KvOptions } from './sessions/kv-remote.ts';
import { addRemoteOptions, connect } from './sessions/remote.ts';
import { addSigningOptions, type SigningOptions, signsHere } from './signing/options.ts';
import { writeSigned } from './signing/send.ts';

const HELP = `
Without VALUE, or with "-", standard input is stored. A value may have any length; a large one goes on after a broken
connection. It is stored once a majority of its replicas has it on disk (--durability says otherwise); what is printed
names its ETag, which changes with every write.

With --key or --chain it is signed here, by a key of yours, and may have 1 MiB; --namespace without an owner is one of whose grant
is used, or else of the key's own.

Examples:
  $ maillon put greeting "hello"
  $ maillon put app/config --file config.json --content-type application/json
  $ date | maillon put last-seen --ttl 30m
  $ maillon put team/motd "hi" --namespace team --key bob --chain bob.chain
  $ maillon put lock "me" --if-absent                 fails when there is a value
  $ maillon put counter 2 --if-match "$(maillon stat counter --json | jq -r .etag)"`;

interface Options extends KvOptions, SigningOptions {
  readonly file?: string;
  readonly ttl?: string;
  readonly contentType?: string;
  readonly ifAbsent?: boolean;
  readonly ifMatch?: string;
  readonly durability?: Durability;
}

const STANDARD_INPUT = '-';
const VALUE = { what: 'a value', maxBytes: VALUE_MAX_BYTES };
const TEXT_TYPE = 'text/plain; charset=utf-8';

export const addPut: AddCommand = (program) => {
  const command = program
    .command('put')
    .summary('store a value under a key')
    .description('Store a value under a key through a gateway.')
    .argument('<key>', 'Key, 1 to 1024 bytes; slashes have no meaning.')
    .argument('[value]', 'Text to store; standard input when missing or "-".')
    .option('--file <path>', 'Store what is in this file.')
    .option(
      '--ttl <duration>',
      'How long it is kept: seconds, or like 90s, 30m, 24h, 7d. For ever when missing.',
    )
    .option('--content-type <type>', 'Media type to keep with it. For VALUE it is text/plain unless said.')
    .addOption(new Option('--if-absent', 'Only when there is no value yet.').conflicts('ifMatch'))
    .option('--if-match <etag>', 'Only when the value has this ETag; * for any value.')
    .addOption(durabilityOption());
  addSigningOptions(
    addKvNamespace(addRemoteOptions(command, 'Print the receipt as one JSON line.')),
    'Sign it here with this key; otherwise the node of the gateway does.',
  )
    .addHelpText('after', HELP)
    .action(async (key: string, value: string | undefined, options: Options) => {
      checkSource(value, options.file);
      const isText = value !== undefined && value !== STANDARD_INPUT;
      const contentType = options.contentType ?? (isText ? TEXT_TYPE : undefined);
      const { ttl, durability, ifAbsent, ifMatch } = options;
      const write = {
        ...(contentType === undefined ? {} : { contentType }),
        ...(ttl === undefined ? {} : { ttl }),
        ...(durability === undefined ? {} : { durability }),
        ...(ifAbsent === undefined ? {} : { ifAbsent }),
        ...(ifMatch === undefined ? {} : { ifMatch }),
      };
      const written = signsHere(options)
        ? await writeSigned(await connect(options, { isSigned: true }), key, {
            ...options,
            ...write,
            value: await readValue(value, options.file),
          })
        : await sendValue(await connectKv(options), key, { value, file: options.file, write });
      if (options.json) sayJson(written);
      else say(describeWritten('stored', written));
    });
};

export function durabilityOption(): Option {
  return new Option(
    '--durability <how>',
    'Replicas that must have it on disk; majority unless said.',
  ).choices(['one', 'majority', 'all']);
}

/** `stored a on 2 of 2 replicas (3 wanted), ETag "…"`. */
export function describeWritten(verb: string, written: Written): string {
  const { key, replicas, replicaSet, wanted, etag, expiresAt } = written;
  const few = replicaSet.length < wanted ? ` (${wanted} wanted)` : '';
  const unit = `${replicaSet.length === 1 ? 'replica' : 'replicas'}${few}`;
  const until = expiresAt === null ? '' : `, for ${roundDuration(expiresAt - Date.now())}`;
  return `${verb} ${harmless(key)} on ${replicas.length} of ${replicaSet.length} ${unit}${until}, ETag ${harmless(etag)}`;
}

function checkSource(value: string | undefined, file: string | undefined): void {
  if (value !== undefined && file !== undefined) throw new UsageError('give VALUE or --file, not both');
  const isTyped = file === undefined && (value === undefined || value === STANDARD_INPUT);
  if (isTyped && process.stdin.isTTY) note('Type the value; Ctrl-D ends it.');
}

/** Whole: it is signed here. */
async function readValue(value: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if (file !== undefined) return readBounded((await openNamed('--file', file)).stream, VALUE);
  if (value !== undefined && value !== STANDARD_INPUT) return Buffer.from(value);
  return readBounded(process.stdin, VALUE);
}

interface Sent {
  readonly value: string | undefined;
  readonly file: string | undefined;
  readonly write: PutOptions;
}

/** As it is read. */
async function sendValue(kv: Kv, key: string, { value, file, write }: Sent): Promise<Written> {
  if (file === undefined && value !== undefined && value !== STANDARD_INPUT) return kv.put(key, value, write);
  const { stream, size } =
    file === undefined
      ? { stream: process.stdin, size: sizeOfStandardInput() }
      : await openNamed('--file', file);
  const progress = new Progress({ verb: 'stored', size });
  try {
    return await kv.put(key, Readable.toWeb(stream) as ReadableStream<Uint8Array>, {
      ...write,
      ...(size === null ? {} : { size }),
      onProgress: (done) => progress.report(done),
    });
  } finally {
    progress.end();
  }
}
