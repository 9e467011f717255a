import { BlobError, type BlobLink, cidText } from '../../protocols/blobs/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { roundSize } from '../../protocols/common/quantities.ts';
import { faultOf } from '../disk/database-faults.ts';

export type RoomReason = 'capacity' | 'quota' | 'disk';

/** How much was to come, and how much may. */
export interface RoomLeft {
  readonly wantedBytes: number;
  readonly freeBytes: number;
}

const PLACES: Readonly<Record<RoomReason, string>> = {
  capacity: 'this node',
  quota: 'the namespace',
  disk: "this node's disk",
};
const ADVICE: Readonly<Record<RoomReason, string>> = {
  capacity: 'delete something, raise storage.capacityBytes, or add a node',
  quota: 'delete something, or have its quota raised',
  disk: 'free some of the disk and try again',
};

/** `over_quota` where the namespace has too little left, else `no_room`. */
export function noRoom(reason: RoomReason, { wantedBytes, freeBytes }: RoomLeft): CodedError {
  // of two that differ by little the digits tell
  const isClose = roundSize(wantedBytes) === roundSize(freeBytes);
  const show = (bytes: number): string => (isClose ? `${bytes}B` : roundSize(bytes));
  const message = `${show(wantedBytes)} do not fit: ${PLACES[reason]} has ${show(freeBytes)} left; ${ADVICE[reason]}`;
  const code = reason === 'quota' ? 'over_quota' : 'no_room';
  return new CodedError(code, message, { reason, wantedBytes, freeBytes });
}

/** Whether an upload that ends with this error can come to nothing any more: its room is given back. */
export function isRefusedForGood(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'no_room' || error.code === 'over_quota');
}

/** Names the disk's fault in an error. */
export function diskError(error: unknown): unknown {
  if (faultOf(error) !== 'disk') return error;
  const message = 'the disk is full or fails: nothing was kept; free some of it and try again';
  return new CodedError('no_room', message, { reason: 'disk' });
}

export function notFound(what: string): CodedError {
  return new CodedError('not_found', what);
}

export function uploadGone(): CodedError {
  return notFound(
    'there is no such upload: it was ended, nobody went on with it in time, or somebody else did just now',
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
