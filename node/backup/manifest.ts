/** Manifest and lists of a backup. SPEC.md defines their form. */
import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { CodedError } from '../../protocols/common/errors.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import { readPrivateFile, SECRET_MODE } from '../disk/private-file.ts';
import { isContentPath } from './contents.ts';
import { LINE_MAX_BYTES, MANIFEST_MAX_BYTES } from './limits.ts';

/** At the top of a directory of backups: whose they are. */
export const MARKER = 'maillon-backup.json';
/** In each snapshot, written last. */
export const MANIFEST = 'manifest.json';
export const FILES = 'files.ndjson';
export const BLOCK_LIST = 'blocks.ndjson';
/** A snapshot that is being made. */
export const UNFINISHED = 'snapshot-new';
const SNAPSHOT = /^snapshot-(\d{13})$/;
const FORMAT = 'maillon-backup';
const VERSION = 2;

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const head = {
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  swarm: z.string(),
  peerId: z.string(),
};
const markerSchema = z.strictObject(head);
const manifestSchema = z.strictObject({
  ...head,
  at: count,
  owner: z.string().nullable(),
  machine: z.string(),
  data: z.string(),
  blocks: z
    .string()
    .regex(/^blocks-[0-9a-f]{16}$/)
    .nullable(),
  files: count,
  bytes: count,
  lists: z.strictObject({ files: digest, blocks: digest }),
});
const fileSchema = z.strictObject({ path: z.string().refine(isContentPath), bytes: count, sha256: digest });
const blockSchema = z.strictObject({
  cid: z.string().regex(/^b[a-z2-7]{58}$/),
  bytes: count,
  sha256: digest,
});

/** The owner of a directory's backups. */
export interface Marker {
  readonly swarm: string;
  readonly peerId: string;
}

export interface Manifest extends Marker {
  /** The moment of which the records are, milliseconds since the Unix epoch. */
  readonly at: number;
  /** DID of the owner's key that is in it. */
  readonly owner: string | null;
  /** Host name and data directory that it was made of. */
  readonly machine: string;
  readonly data: string;
  /** Directory of the blocks beside the snapshot; null without blocks. */
  readonly blocks: string | null;
  /** Files and blocks together. */
  readonly files: number;
  readonly bytes: number;
  /** SHA-256 of the two lists, hex. */
  readonly lists: { readonly files: string; readonly blocks: string };
}

export type FileLine = z.output<typeof fileSchema>;
export type BlockLine = z.output<typeof blockSchema>;

/** A snapshot that is whole, and what it says of itself. */
export interface Snapshot {
  /** Absolute path. */
  readonly path: string;
  readonly manifest: Manifest;
}

export function snapshotName(at: number): string {
  return `snapshot-${String(at).padStart(13, '0')}`;
}

/** Names of the whole snapshots in a directory of backups, the oldest first. */
export function snapshotNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => SNAPSHOT.test(name))
    .toSorted();
}

export function writeMarker(directory: string, marker: Marker): void {
  writeJson(join(directory, MARKER), marker);
}

export function writeManifest(snapshot: string, manifest: Manifest): void {
  writeJson(join(snapshot, MANIFEST), manifest);
}

/** Null where `directory` holds no backups. Throws `bad_backup`. */
export function readMarker(directory: string): Marker | null {
  if (!existsSync(join(directory, MARKER))) return null;
  return readJson(join(directory, MARKER), markerSchema);
}

/** The latest whole snapshot in a directory of backups; null when it has no whole one. Throws `bad_backup`. */
export function latestSnapshot(directory: string): Snapshot | null {
  const name = snapshotNames(directory).at(-1);
  if (name === undefined) return null;
  const path = join(directory, name);
  return { path, manifest: readJson(join(path, MANIFEST), manifestSchema) };
}

/** The files of a snapshot. Throws `bad_backup`, at the end where the list is not the one that the manifest names. */
export function filesOf({ path, manifest }: Snapshot): AsyncGenerator<FileLine, void, undefined> {
  return linesOf(join(path, FILES), fileSchema, manifest.lists.files);
}

/** The same of its blocks, in the order of their CIDs. */
export function blocksOf({ path, manifest }: Snapshot): AsyncGenerator<BlockLine, void, undefined> {
  return linesOf(join(path, BLOCK_LIST), blockSchema, manifest.lists.blocks);
}

/** A list of blocks that was written just now. */
export function blocksIn(path: string): AsyncGenerator<BlockLine, void, undefined> {
  return linesOf(path, blockSchema, null);
}

async function* linesOf<T>(
  path: string,
  schema: z.ZodType<T>,
  expected: string | null,
): AsyncGenerator<T, void, undefined> {
  const hash = createHash('sha256');
  if (!existsSync(path)) throw badBackup(`${path} is missing`);
  for await (const line of createInterface({ input: createReadStream(path) })) {
    hash.update(`${line}\n`);
    yield parse(line, path, schema);
  }
  if (expected !== null && hash.digest('hex') !== expected) throw badBackup(`${path} was changed`);
}

function parse<T>(line: string, path: string, schema: z.ZodType<T>): T {
  try {
    if (line.length > LINE_MAX_BYTES) throw new Error('it is too long');
    return schema.parse(JSON.parse(line));
  } catch {
    throw badBackup(`${path} has a line that no backup has`);
  }
}

function writeJson(path: string, content: object): void {
  const text = JSON.stringify({ format: FORMAT, version: VERSION, ...content }, null, 2);
  writeFileAtomic(path, Buffer.from(`${text}\n`), SECRET_MODE);
}

function readJson<T>(path: string, schema: z.ZodType<T>): T {
  const file = readPrivateFile(path, MANIFEST_MAX_BYTES);
  if (file === null || file === 'too_large') throw badBackup(`${path} is missing or too large`);
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(file.bytes).toString('utf8'));
  } catch {
    throw badBackup(`${path} is not JSON`);
  }
  const parsed = schema.safeParse(found);
  if (parsed.success) return parsed.data;
  const { format, version } = (found ?? {}) as { format?: unknown; version?: unknown };
  if (format === FORMAT && version !== VERSION) {
    throw badBackup(
      `this Maillon does not know its version ${String(version)}: use the Maillon that made it, or a newer one`,
    );
  }
  throw badBackup(`${path} is not a manifest of Maillon`);
}

/** Writes a list, and counts what is on it. */
export class ListWriter<Line extends FileLine | BlockLine> {
  readonly #file: number;
  readonly #hash: Hash = createHash('sha256');
  count = 0;
  bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'wx', SECRET_MODE);
  }

  write(line: Line): void {
    const text = `${JSON.stringify(line)}\n`;
    writeSync(this.#file, text);
    this.#hash.update(text);
    this.count += 1;
    this.bytes += line.bytes;
  }

  /** SHA-256 of the list, once it is on disk. */
  finish(): string {
    fsyncSync(this.#file);
    return this.#hash.digest('hex');
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** Length and SHA-256 of a file. */
export async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await using file = await open(path, 'r');
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}

export function badBackup(what: string): CodedError {
  return new CodedError('bad_backup', `the backup cannot be used: ${what}`);
}
