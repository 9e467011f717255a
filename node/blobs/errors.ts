import { BlobError, type BlobLink, cidText } from '../../protocols/blobs/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { faultOf } from '../disk/database-faults.ts';

type Reason = 'capacity' | 'quota' | 'disk';

const ADVICE: Readonly<Record<Reason, string>> = {
  capacity: 'this node keeps as much as it offers: raise storage.capacityBytes, or add a node',
  quota: 'the namespace has had its share: delete something, or have its quota raised',
  disk: 'the disk is full or fails: nothing was kept; make room and try again',
};

export function noRoom(reason: Reason): CodedError {
  return new CodedError('no_room', ADVICE[reason], { reason });
}

/** What the disk said, by its name. */
export function diskError(error: unknown): unknown {
  return faultOf(error) === 'disk' ? noRoom('disk') : error;
}

export function notFound(what: string): CodedError {
  return new CodedError('not_found', what);
}

export function uploadGone(): CodedError {
  return notFound(
    'there is no such upload: it ended, nobody went on with it for a day, or somebody else did just now',
  );
}

export function partLost(): CodedError {
  return new CodedError('unavailable', 'a part of the blob was lost while it came: try again');
}

export function closedError(): CodedError {
  return new CodedError('closed', 'the blob store is closed');
}

/** A CID has one size: whoever links it with another does not link this blob. */
export function checkSize(there: BlobLink, { cid, size }: BlobLink): void {
  if (there.size === size) return;
  throw new BlobError('block_shape', `blob ${cidText(cid)} has ${there.size} bytes, not ${size}`);
}
