/** Why SQLite did not do what it was told: it is damaged, the disk is full or fails, or something else. */
export type Fault = 'corrupt' | 'disk' | 'other';

/** A file is not the database that it should be: what was in it is lost here. */
export class DatabaseDamage extends Error {}

/** Primary result codes of SQLite; extended ones hold them in their lowest byte. */
const BUSY = 5;
const LOCKED = 6;
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
  if (error instanceof DatabaseDamage) return 'corrupt';
  const { errcode, code, message } = error as { errcode?: unknown; code?: unknown; message?: unknown };
  if (DISK_ERRNO.has(code)) return 'disk';
  if (typeof message === 'string' && message.startsWith(TOO_LARGE)) return 'corrupt';
  const primary = primaryOf(errcode);
  if (DISK.has(primary)) return 'disk';
  return DAMAGE.has(primary) ? 'corrupt' : 'other';
}

/** Whether the disk is full rather than failing: nothing is wrong with the connection then. */
export function isFull(error: unknown): boolean {
  return primaryOf((error as { errcode?: unknown }).errcode) === FULL;
}

/** Whether another process uses the database. */
export function isBusy(error: unknown): boolean {
  const primary = primaryOf((error as { errcode?: unknown }).errcode);
  return primary === BUSY || primary === LOCKED;
}

/** -1 for what is no error of SQLite. */
function primaryOf(errcode: unknown): number {
  return typeof errcode === 'number' ? errcode & PRIMARY_MASK : -1;
}
