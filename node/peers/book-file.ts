import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { z } from 'zod';
import { errorMessage } from '../../protocols/common/errors.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import type { Logger } from '../observability/logger.ts';

/** A peer that this node dialled with success. */
export interface BookEntry {
  readonly id: string;
  /** Multiaddrs that led there, the latest first, with the peer's id at the end. */
  readonly addresses: readonly string[];
  /** When it was connected last, milliseconds since the Unix epoch. */
  readonly lastSuccess: number;
  /** Dials that failed since. */
  readonly failures: number;
}

/** Peers kept: some ten times what a node connects with. */
export const BOOK_MAX = 256;
/** Addresses kept of one peer. */
export const BOOK_ADDRESSES_MAX = 4;
/** Text of a multiaddr; names of 255 characters and two peer ids fit. */
const ADDRESS_MAX_LENGTH = 512;
const ID_MAX_LENGTH = 128;

const FILE_VERSION = 1;
/** Only this user may see which peers a node talks to. */
const FILE_MODE = 0o600;
/** Larger than any file written here. */
const FILE_MAX_BYTES = BOOK_MAX * (ID_MAX_LENGTH + BOOK_ADDRESSES_MAX * ADDRESS_MAX_LENGTH + 64);

const entrySchema = z.tuple([
  z.string().min(1).max(ID_MAX_LENGTH),
  z.array(z.string().startsWith('/').max(ADDRESS_MAX_LENGTH)).min(1).max(BOOK_ADDRESSES_MAX),
  z.int().min(0),
  z.int().min(0),
]);
const fileSchema = z.tuple([z.literal(FILE_VERSION), z.array(entrySchema).max(BOOK_MAX)]);

/** Where the peer book is in a data directory. */
export function bookPath(data: string): string {
  return join(data, 'peers');
}

/** The entries in the file at `path`; none, with a warning, when it cannot be read as what is written here. */
export function readBook(path: string, logger: Logger): BookEntry[] {
  if (!existsSync(path)) return [];
  try {
    if (statSync(path).size > FILE_MAX_BYTES) throw new Error(`it is larger than ${FILE_MAX_BYTES} bytes`);
    const [, entries] = fileSchema.parse(decode(readFileSync(path)));
    return entries.map(([id, addresses, lastSuccess, failures]) => ({
      id,
      addresses,
      lastSuccess,
      failures,
    }));
  } catch (error) {
    logger.warn(
      { path, reason: errorMessage(error) },
      'the peer book cannot be read and is begun anew; peers are found by bootstrap only',
    );
    return [];
  }
}

export function writeBook(path: string, entries: readonly BookEntry[]): void {
  const rows = entries.map(({ id, addresses, lastSuccess, failures }) => [
    id,
    addresses,
    lastSuccess,
    failures,
  ]);
  writeFileAtomic(path, encode([FILE_VERSION, rows]), FILE_MODE);
}
