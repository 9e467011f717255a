/** A pin in a namespace is the record `blobs/<cid>` in it, whose value is the pinned blob. */
import type { PutOptions, RecordName, StoredRecord, WriteReceipt } from '../../../node/index.ts';
import type { BlobLink } from '../../../protocols/blobs/index.ts';
import { cidText } from '../../../protocols/common/block-cid.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ActingStorage } from '../core/acting.ts';

/** Prefix of the keys of pins. */
export const PIN_PREFIX = 'blobs/';

export interface Pinned {
  readonly name: RecordName;
  readonly link: BlobLink;
  readonly receipt: WriteReceipt;
}

export interface Pin {
  readonly namespace: string;
  readonly link: BlobLink;
  readonly options: PutOptions;
}

export function pinName(namespace: string, cid: string): RecordName {
  return { owner: '', namespace, key: PIN_PREFIX + cid };
}

/** Throws `not_found` also where something else is stored under the name. */
export async function readPin(
  storage: Pick<ActingStorage, 'get'>,
  namespace: string,
  cid: string,
): Promise<StoredRecord> {
  const record = await storage.get(pinName(namespace, cid));
  if (record?.blob === cid) return record;
  throw new GatewayError('not_found', 'no blob of this CID is pinned in this namespace');
}

export async function writePin(storage: ActingStorage, { namespace, link, options }: Pin): Promise<Pinned> {
  const name = pinName(namespace, cidText(link.cid));
  return { name, link, receipt: await storage.putBlob(name, link, options) };
}

export interface BlobTake {
  readonly source: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Bytes that the source gives, where that is known. */
  readonly size?: number;
}

/** A blob that nothing refers to yet. */
export interface TakenBlob {
  readonly link: BlobLink;
  /** Once it is pinned, or will not be: frees its room where nothing refers to it. */
  readonly end: () => Promise<void>;
}

/** Takes what the source gives to its end. */
export async function takeBlob(
  storage: ActingStorage,
  namespace: string,
  { source, signal, size }: BlobTake,
): Promise<TakenBlob> {
  const options = { isResumable: false, ...(size === undefined ? {} : { size }) };
  await storage.mayStore();
  const upload = await storage.beginUpload({ owner: '', namespace }, options);
  const end = async (): Promise<void> => upload.cancel();
  try {
    return { link: await upload.complete(source, signal, size), end };
  } catch (error) {
    await end();
    throw error;
  }
}
