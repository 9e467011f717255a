/** The upkeep of a node's store, as its operator sees it. */
import type { NamespaceRef } from '../api/interface.ts';

export interface Scrubbed {
  /** Records and blocks that were read. */
  readonly read: number;
  readonly bytes: number;
  readonly broken: number;
  readonly repaired: number;
}

export interface ScrubReport {
  readonly records: Scrubbed;
  readonly blocks: Scrubbed;
  /** Why the database of records was set aside; null where it was not. Its records come back from the other replicas. */
  readonly reset: string | null;
  /** Names of damaged items not yet repaired; only the first ones. */
  readonly unrepaired: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface ScrubProgress {
  readonly records: number;
  readonly blocks: number;
  readonly bytes: number;
  readonly broken: number;
  /** Bytes to read in total, as far as known. */
  readonly totalBytes: number;
}

export interface ScrubOptions {
  /** `storage.scrubBytesPerSecond` when missing. */
  readonly bytesPerSecond?: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ScrubProgress) => void;
}

export interface CollectReport {
  /** Blobs that nothing referred to any more, their blocks, and uploads that nobody went on with. */
  readonly blobs: number;
  readonly blocks: number;
  readonly uploads: number;
  /** Given back to the file system: by blocks, and by the databases. */
  readonly blockBytes: number;
  readonly databaseBytes: number;
}

export interface ExportOptions {
  /** All of them when missing. */
  readonly namespace?: NamespaceRef;
  readonly signal: AbortSignal;
}

export interface ImportProgress {
  readonly bytes: number;
  readonly records: number;
  readonly blobs: number;
  readonly refused: number;
  readonly present: number;
}

export interface ImportReport extends ImportProgress {
  /** Why some were refused, the first of each code. */
  readonly reasons: readonly { readonly code: string; readonly count: number; readonly example: string }[];
  /** Null for a whole archive; otherwise what is wrong with it: what came before was taken. */
  readonly fault: { readonly code: string; readonly message: string } | null;
}

export interface ImportOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Last and current maintenance runs. */
export interface MaintenanceStatus {
  readonly scrub: {
    readonly isRunning: boolean;
    readonly last: ScrubReport | null;
  };
  readonly collect: { readonly isRunning: boolean; readonly last: CollectReport | null };
}

/**
 * Errors are `CodedError`s: `busy` (the same is under way already), `not_running`, `no_room`, `bad_archive`, `corrupt`.
 */
export interface StorageMaintenance {
  status(): MaintenanceStatus;
  /** Reads and verifies everything, and repairs what is broken from other nodes. */
  scrub(options: ScrubOptions): Promise<ScrubReport>;
  /** Removes what nothing refers to, and gives disk that is not used back. */
  collect(options: { readonly signal: AbortSignal }): Promise<CollectReport>;
  /** A CARv1 archive (SPEC.md) of the records that this node holds, and of their blobs. */
  export(options: ExportOptions): AsyncGenerator<Uint8Array, void, undefined>;
  /** Takes what is in an archive, each record as if a stranger had sent it. */
  import(source: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<ImportReport>;
}
