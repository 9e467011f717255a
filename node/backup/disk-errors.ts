import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { isFull } from '../disk/database-faults.ts';

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
/** The user may not write there, or nobody may. */
const CLOSED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']);

/** Turns an error of the file system into `no_room` or `bad_directory`, with advice; returns any other error as it is. */
export function explainDiskError(error: unknown, directory: string, what: string): unknown {
  if (error instanceof CodedError) return error;
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  if (FULL.has(code) || isFull(error)) {
    const message = `${what} failed: the disk of ${directory} is full; free some of it, and run it again`;
    return new CodedError('no_room', message, undefined, { cause: error });
  }
  // where no directory can be made nothing can be written, whatever the system calls it: /proc says ENOENT
  if (!CLOSED.has(code) && syscall !== 'mkdir') return error;
  const message = `${what} failed: ${directory} cannot be written (${errorMessage(error)}); name another directory, or let this user write it`;
  return new CodedError('bad_directory', message, undefined, { cause: error });
}
