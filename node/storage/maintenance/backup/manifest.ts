/** What a backup says of itself. SPEC.md has the form. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { CodedError } from '../../../../protocols/common/errors.ts';

export const MANIFEST = 'manifest.json';
export const FILES = 'files.ndjson';
const FORMAT = 'maillon-backup';
const VERSION = 1;
/** What may be in it: a path from elsewhere is none. */
const PATH =
  /^(storage\.key|storage\/members|storage\/records\/records\.db|storage\/blobs\/catalogue\.db|storage\/blobs\/blocks\/[a-z2-7]{2}\/[a-z2-7]{59})$/;

export interface BackedFile {
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Manifest {
  /** When it was begun, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly swarm: string;
  readonly peerId: string;
  /** Names of the keys that are in it. */
  readonly keys: readonly string[];
  readonly files: number;
  readonly bytes: number;
  /** SHA-256 of the list of files, hex. */
  readonly list: string;
}

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  at: count,
  swarm: z.string(),
  peerId: z.string(),
  keys: z.array(z.literal('storage.key')),
  files: count,
  bytes: count,
  list: digest,
});
const fileSchema = z.strictObject({ path: z.string().regex(PATH), bytes: count, sha256: digest });

export function encodeManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, ...manifest }, null, 2)}\n`);
}

/** Throws `bad_backup`. */
export function readManifest(directory: string): Manifest {
  const path = join(directory, MANIFEST);
  if (!existsSync(path)) throw badBackup(`${directory} has no ${MANIFEST}: it is none, or was not finished`);
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw badBackup(`${path} is no JSON`);
  }
  const parsed = manifestSchema.safeParse(found);
  if (parsed.success) return parsed.data;
  const { format, version } = (found ?? {}) as { format?: unknown; version?: unknown };
  if (format === FORMAT && version !== VERSION) {
    throw badBackup(
      `its version ${String(version)} is not known here: use the Maillon that made it, or a newer one`,
    );
  }
  throw badBackup(`${path} is not what is written here`);
}

/** The files of a backup. Throws `bad_backup`, at the end where the list is not the one that the manifest names. */
export async function* filesIn(
  directory: string,
  manifest: Manifest,
): AsyncGenerator<BackedFile, void, undefined> {
  const hash = createHash('sha256');
  const lines = createInterface({ input: createReadStream(join(directory, FILES)) });
  for await (const line of lines) {
    hash.update(`${line}\n`);
    yield fileOf(line);
  }
  if (hash.digest('hex') !== manifest.list) throw badBackup('its list of files was changed');
}

function fileOf(line: string): BackedFile {
  try {
    return fileSchema.parse(JSON.parse(line));
  } catch {
    throw badBackup('its list of files is not what is written here');
  }
}

export function badBackup(what: string): CodedError {
  return new CodedError('bad_backup', `this is no whole backup: ${what}`);
}
