import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';

/** A copy that does not open, or a table that does not read: others have it. */
export function corruptError(key: string | null, cause?: unknown): CodedError {
  const what = key === null ? 'records on this disk' : 'the copy of this key on this disk';
  const why = cause === undefined ? '' : `: ${errorMessage(cause)}`;
  const detail = key === null ? undefined : { key };
  return new CodedError('corrupt', `${what} cannot be read; other replicas have it${why}`, detail, { cause });
}

export function noRoomError(): CodedError {
  return new CodedError('no_room', 'the disk is full or fails; nothing was written', { reason: 'disk' });
}
