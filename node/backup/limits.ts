import { type Limit, limitsIn } from '../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Pages of a database copied before others have their turn. */
export const BACKUP_PAGES = 256;
/** Blocks looked up at a time. */
export const BACKUP_ROWS = 256;
/** Files of one folder, such as the audit log: the settings allow fewer. */
export const FOLDER_FILES_MAX = 10_000;
/** A manifest is below 1 KiB. */
export const MANIFEST_MAX_BYTES = 16 * 1024;
/** A line of a list names one file. */
export const LINE_MAX_BYTES = 1024;
/** Peers asked at a start whether this identity runs elsewhere: two may be gone or refuse a stranger. */
export const TWIN_PEERS_MAX = 8;
/** A start waits so long for all of them: it may take 5 s in all. */
export const TWIN_CHECK_MS = limit(
  'backup.twinCheck',
  2_500,
  'milliseconds',
  'a start waits so long for peers that may know a node with the same identity',
);

/** For the info document. */
export const BACKUP_LIMITS: readonly Limit[] = published;
