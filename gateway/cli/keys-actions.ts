import { resolve } from 'node:path';
import {
  type BrokenKey,
  type Config,
  IDENTITY_NAME,
  type KeyForm,
  type KeyInfo,
  Keyring,
  loadConfig,
  type PassphraseSource,
  PORTABLE_MAX_BYTES,
  parseKey,
  passphraseFrom,
} from '../../node/keys.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { UsageError } from './core/errors.ts';
import { makeNamed, openNamed } from './core/named-file.ts';
import { type Cell, note, properties, say, sayJson, table } from './core/terminal.ts';
import { writeSecret } from './key-secret-file.ts';

export interface KeyOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly passphraseFile?: string;
}

export interface NewOptions extends KeyOptions {
  readonly sealed?: boolean;
}

export interface ImportOptions extends NewOptions {
  readonly pemPassphraseFile?: string;
}

export interface ExportOptions extends KeyOptions {
  readonly form: KeyForm;
  readonly out?: string;
  readonly stdout?: boolean;
  readonly pemPassphraseFile?: string;
}

const STANDARD_INPUT = '-';
const HEADINGS = ['NAME', 'SEALED', 'CREATED', 'DID'];

export function listKeys(options: KeyOptions): void {
  const config = configOf(options);
  const keys = keyringOf(config).list();
  if (options.json) return sayJson({ keys: keys.map(listed) });
  if (keys.length === 0) return say(`no keys in ${config.data}`);
  say(table(HEADINGS, keys.map(rowOf)));
}

export async function newKey(name: string, options: NewOptions): Promise<void> {
  const config = configOf(options);
  tell(await keyringOf(config).create(name, sealing(options, passphrases(config))), options);
}

export async function importKey(
  name: string,
  file: string | undefined,
  options: ImportOptions,
): Promise<void> {
  const config = configOf(options);
  const fromInput = file === undefined || file === STANDARD_INPUT;
  if (fromInput && process.stdin.isTTY) {
    throw new UsageError('name the file that holds the key, or pipe it in: what is typed here would be seen');
  }
  const text = await readBounded(fromInput ? process.stdin : (await openNamed('key file', file)).stream);
  const pem = passphraseFrom({ file: options.pemPassphraseFile ?? '', ask: !fromInput });
  const seed = await parseKey(text, async () => pem.existing('the PEM'));
  const source = passphraseFrom({ file: config['identity.passphraseFile'], ask: !fromInput });
  tell(await keyringOf(config).import(name, seed, sealing(options, source)), options);
}

export async function exportKey(name: string, options: ExportOptions): Promise<void> {
  const { form, out, stdout, pemPassphraseFile } = options;
  if (out === undefined && !stdout) throw new UsageError('say where to: --out FILE, or --stdout');
  if (form === 'seed' && pemPassphraseFile !== undefined) {
    throw new UsageError('a seed is not encrypted: use --form pkcs8 with --pem-passphrase-file');
  }
  const config = configOf(options);
  const encryption =
    pemPassphraseFile === undefined
      ? undefined
      : await passphraseFrom({ file: pemPassphraseFile }).fresh('the PEM');
  const { info, text } = await keyringOf(config).export(name, form, passphrases(config), encryption);
  const { did } = info;
  if (out === undefined) {
    if (options.json) sayJson({ name, did, form, key: text });
    else process.stdout.write(text);
    return;
  }
  const path = resolve(out);
  await makeNamed('--out', path, () => writeSecret(path, text));
  if (options.json) sayJson({ name, did, form, out: path });
  else say(`wrote ${name} to ${path}: whoever has it can sign as ${did}`);
}

export async function rotateKey(name: string, options: KeyOptions): Promise<void> {
  const config = configOf(options);
  const { info, retired } = await keyringOf(config).rotate(name, passphrases(config));
  if (options.json) return sayJson({ ...listed(info), retired });
  tell(info, options);
  note(`the old key is kept as ${retired}; grant the new one what the old one had, then revoke the old one`);
}

export async function sealKey(name: string, options: KeyOptions): Promise<void> {
  const config = configOf(options);
  tell(await keyringOf(config).seal(name, passphrases(config)), options);
  if (name === IDENTITY_NAME && config['identity.passphraseFile'] === '') {
    note('the node asks for the passphrase when it starts, or reads it from --identity-passphrase-file');
  }
}

export async function unsealKey(name: string, options: KeyOptions): Promise<void> {
  const config = configOf(options);
  tell(await keyringOf(config).unseal(name, passphrases(config)), options);
}

/** The settings as the node has them; of the flags only those that matter here. */
function configOf({ data, passphraseFile, config }: KeyOptions): Config {
  const flags = { data, 'identity.passphraseFile': passphraseFile };
  return loadConfig({ flags, env: process.env, cwd: process.cwd(), file: config });
}

function keyringOf({ data }: Config): Keyring {
  return new Keyring({ clock: systemClock }, { data });
}

function passphrases(config: Config): PassphraseSource {
  return passphraseFrom({ file: config['identity.passphraseFile'] });
}

/** Undefined for a key in the clear. A file named here is named in order to be used; one of the settings is not. */
function sealing(
  { sealed, passphraseFile }: NewOptions,
  source: PassphraseSource,
): PassphraseSource | undefined {
  return sealed || passphraseFile !== undefined ? source : undefined;
}

/** Does not read on when it is too large for a key. */
async function readBounded(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > PORTABLE_MAX_BYTES) {
      throw new CodedError('bad_key', `this is no key: it is larger than ${PORTABLE_MAX_BYTES} bytes`);
    }
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

function tell(info: KeyInfo, { json }: KeyOptions): void {
  if (json) return sayJson(listed(info));
  say(
    properties([
      ['name', info.name],
      ['did', info.did],
      ['sealed', sealedCell(info)],
    ]),
  );
}

function listed(key: KeyInfo | BrokenKey): Record<string, unknown> {
  if ('fault' in key) return { ...key };
  const { name, did, isSealed, isRetired, created } = key;
  return { name, did, sealed: isSealed, retired: isRetired, created: new Date(created).toISOString() };
}

function rowOf(key: KeyInfo | BrokenKey): Cell[] {
  if ('fault' in key) return [key.name, '?', '?', { text: key.fault, style: 'red' }];
  const { name, did, isRetired, created } = key;
  const row: Cell[] = [name, sealedCell(key), new Date(created).toISOString().slice(0, 10), did];
  return isRetired
    ? row.map((cell) => (typeof cell === 'string' ? { text: cell, style: 'dim' } : cell))
    : row;
}

function sealedCell({ isSealed }: KeyInfo): string {
  return isSealed ? 'yes' : 'no';
}
