/** Why SQLite did not do what it was told: it is damaged, the disk is full or fails, or something else. */
export type Fault = 'corrupt' | 'disk' | 'other';

/** Primary result codes of SQLite; extended ones hold them in their lowest byte. */
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const PRIMARY_MASK = 0xff;

const DISK: ReadonlySet<number> = new Set([READONLY, IOERR, FULL, CANTOPEN]);
const DAMAGE: ReadonlySet<number> = new Set([CORRUPT, NOTADB]);
/** From the file system without SQLite in between. */
const DISK_ERRNO: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS']);

/** How Node says that an integer in the database is above 2^53: none is written here. */
const TOO_LARGE = 'Value is too large to be represented as a JavaScript number';

export function faultOf(error: unknown): Fault {
  const { errcode, code, message } = error as { errcode?: unknown; code?: unknown; message?: unknown };
  if (DISK_ERRNO.has(code)) return 'disk';
  if (typeof message === 'string' && message.startsWith(TOO_LARGE)) return 'corrupt';
  const primary = typeof errcode === 'number' ? errcode & PRIMARY_MASK : -1;
  if (DISK.has(primary)) return 'disk';
  return DAMAGE.has(primary) ? 'corrupt' : 'other';
}

/** Whether the disk is full rather than failing: nothing is wrong with the connection then. */
export function isFull(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' && (errcode & PRIMARY_MASK) === FULL;
}
