/** Operations for the upkeep of a store's files, besides reading and writing records. */
import type { StorageKey } from '../../disk/sealing.ts';

export interface CompactReport {
  /** Given back to the file system. */
  readonly bytes: number;
  /** Rows that were moved together. */
  readonly moved: number;
}

export interface CompactOptions {
  readonly signal: AbortSignal;
  /** Everything that can be given back is; without it so much is kept as is soon used again. */
  readonly isThorough: boolean;
}

export interface StoreMaintenance {
  /** The database. */
  readonly path: string;
  /** By which values are sealed; null while there is nothing. */
  key(): StorageKey | null;
  /** Forgets what memory holds of the file: what is read next comes from the disk. */
  refresh(): Promise<void>;
  /** Gives back what is not used any more, some at a time, so that writes get in between. */
  compact(options: CompactOptions): Promise<CompactReport>;
  /** Moves the database out of the way when damage in it cannot be attributed to a single record. */
  giveUp(reason: string): void;
}
