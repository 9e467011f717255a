import { check, readBoolean } from './frame.ts';

/** A replica's progress with a blob. */
export interface BlobProgress {
  /** Blocks of it that are on disk. */
  readonly blocks: number;
  /** All of them are. */
  readonly isWhole: boolean;
}

export function progressItems({ blocks, isWhole }: BlobProgress): unknown[] {
  return [blocks, isWhole];
}

export function readProgress([blocks, isWhole]: unknown[]): BlobProgress {
  return { blocks: check.integer('blocks', blocks, 0), isWhole: readBoolean('is whole', isWhole) };
}
