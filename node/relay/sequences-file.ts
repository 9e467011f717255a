import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import type { Clock } from '../../protocols/common/clock.ts';
import { SequenceBook, type SequenceState } from '../../protocols/relay/index.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';

const FILE = 'sequences';
const FILE_VERSION = 1;
const FILE_MODE = 0o600;

/**
 * Takes the author's counters from disk: what a clean stop wrote is used once, so that after a kill, when the
 * file is behind, every topic begins a new epoch instead of using a number twice.
 */
export function takeSequences(directory: string, clock: Clock): SequenceBook {
  const path = join(directory, FILE);
  const state = readState(path);
  const floor = Math.max(state.epochFloor, clock.now());
  writeState(path, { epochFloor: floor, points: [] });
  return new SequenceBook({ clock }, { epochFloor: floor, points: state.points });
}

/** Puts the counters back at a clean stop. */
export function putSequences(directory: string, sequences: SequenceBook): void {
  writeState(join(directory, FILE), sequences.state());
}

function writeState(path: string, state: SequenceState): void {
  writeFileAtomic(path, encode([FILE_VERSION, state.epochFloor, state.points]), FILE_MODE);
}

/** A file that cannot be read counts as lost: new epochs begin, which is always safe. */
function readState(path: string): SequenceState {
  const lost: SequenceState = { epochFloor: 0, points: [] };
  if (!existsSync(path)) return lost;
  try {
    const [version, epochFloor, points] = decode<[number, number, SequenceState['points']]>(
      readFileSync(path),
    );
    return version === FILE_VERSION ? { epochFloor, points } : lost;
  } catch {
    return lost;
  }
}
