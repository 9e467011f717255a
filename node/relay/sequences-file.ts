import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { z } from 'zod';
import type { Clock } from '../../protocols/common/clock.ts';
import { SequenceBook, type SequenceState } from '../../protocols/relay/index.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';

const FILE = 'sequences';
const FILE_VERSION = 1;
const FILE_MODE = 0o600;

const pointSchema = z.object({ epoch: z.int().min(0), last: z.int().min(0) });
const fileSchema = z.tuple([
  z.literal(FILE_VERSION),
  z.int().min(0),
  z.array(z.tuple([z.string(), pointSchema])),
]);

/**
 * Takes the author's counters from disk: what a clean stop wrote is used once, so that after a kill, when the
 * file is behind, every topic begins a new epoch instead of using a number twice.
 */
export function takeSequences(directory: string, clock: Clock): SequenceBook {
  const path = join(directory, FILE);
  const reserve = (epochFloor: number): void => writeState(path, { epochFloor, points: [] });
  return new SequenceBook({ clock, reserve }, readState(path));
}

/** Puts the counters back at a clean stop. */
export function putSequences(directory: string, sequences: SequenceBook): void {
  writeState(join(directory, FILE), sequences.state());
}

/**
 * Forgets the counters of a node that was restored: it may have counted on since. No epoch up to `floor` is begun again, which must be above
 * every one that it can have begun meanwhile.
 */
export function forgetSequences(directory: string, floor: number): void {
  const path = join(directory, FILE);
  if (existsSync(path)) {
    writeState(path, { epochFloor: Math.max(floor, readState(path).epochFloor), points: [] });
  }
}

function writeState(path: string, state: SequenceState): void {
  writeFileAtomic(path, encode([FILE_VERSION, state.epochFloor, state.points]), FILE_MODE);
}

/** A file that cannot be read counts as lost: new epochs begin, which is always safe. */
function readState(path: string): SequenceState {
  if (!existsSync(path)) return { epochFloor: 0, points: [] };
  try {
    const [, epochFloor, points] = fileSchema.parse(decode(readFileSync(path)));
    return { epochFloor, points };
  } catch {
    return { epochFloor: 0, points: [] };
  }
}
