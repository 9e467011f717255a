/** Backups of a whole node, as its operator sees them. SPEC.md has the form on disk. */

export interface BackupOptions {
  /** Absolute path. Made where it is missing; otherwise it must be empty or hold earlier backups of the same node. */
  readonly directory: string;
  /** Blocks are copied also where they could be hard links, which share their place on the disk with the originals. */
  readonly isCopied: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
}

export interface BackupProgress {
  readonly phase: 'copying' | 'verifying';
  readonly files: number;
  readonly bytes: number;
}

export interface BackupReport {
  readonly directory: string;
  readonly peerId: string;
  /** The moment of which the records are, milliseconds since the Unix epoch. */
  readonly at: number;
  /** Files of the backup, and bytes of them. */
  readonly files: number;
  readonly bytes: number;
  /** Bytes that were written now: the rest was there from the backup before, or is a hard link. */
  readonly writtenBytes: number;
  /** Settings that name files elsewhere, which the backup does not hold. */
  readonly outside: readonly string[];
}
