/** The entry point of the node for commands that deal with archives and backups without a node. */

export type * from './backup/interface.ts';
export { type RestoreInit, type RestoreReport, restore } from './backup/restore.ts';
export { backUpStopped } from './backup/stopped.ts';
export { createLogger } from './observability/logger.ts';
export { decodeOwn, isCbor } from './storage/maintenance/archive-codec.ts';
export type * from './storage/maintenance/interface.ts';
export { ARCHIVE_BLOCK_MAX_BYTES } from './storage/maintenance/limits.ts';
