import { existsSync, readFileSync } from 'node:fs';
import { decode, encode } from '@ipld/dag-cbor';
import { z } from 'zod';
import { writeFileAtomic } from '../../disk/atomic-file.ts';

/** How far a scrub has come: one that was broken off goes on there. */
export interface ScrubState {
  /** When the last whole one ended; 0 for never. Milliseconds since the Unix epoch. */
  readonly endedAt: number;
  /** The last row of the records, and the last block, that were read since. */
  readonly record: number;
  readonly block: number;
}

const FILE_VERSION = 1;
const FILE_MODE = 0o600;
const BEGINNING: ScrubState = { endedAt: 0, record: 0, block: 0 };

const count = z.int().min(0);
const fileSchema = z.tuple([z.literal(FILE_VERSION), count, count, count]);

/** The beginning where there is no file, or none that can be read: reading something twice does no harm. */
export function readScrubState(path: string): ScrubState {
  if (!existsSync(path)) return BEGINNING;
  try {
    const [, endedAt, record, block] = fileSchema.parse(decode(readFileSync(path)));
    return { endedAt, record, block };
  } catch {
    return BEGINNING;
  }
}

export function writeScrubState(path: string, { endedAt, record, block }: ScrubState): void {
  writeFileAtomic(path, encode([FILE_VERSION, endedAt, record, block]), FILE_MODE);
}
