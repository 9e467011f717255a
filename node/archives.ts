/** A door of the node for commands that deal with archives and backups without a node. */

export { createLogger } from './observability/logger.ts';
export { decodeOwn, isCbor } from './storage/maintenance/archive/codec.ts';
export { type RestoreInit, type RestoreReport, restore } from './storage/maintenance/backup/restore.ts';
export type * from './storage/maintenance/interface.ts';
export { ARCHIVE_BLOCK_MAX_BYTES } from './storage/maintenance/limits.ts';
