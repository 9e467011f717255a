/** What is pinned in a namespace is the record `blobs/<cid>` in it, whose value is that blob. */
import type { PutOptions, RecordName, StoredRecord, WriteReceipt } from '../../node/index.ts';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import { cidText } from '../../protocols/common/block-cid.ts';
import { GatewayError } from '../errors.ts';
import type { ActingStorage } from './acting.ts';

/** What the keys of pins begin with. */
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

/** Takes what `source` gives to its end; nothing refers to it yet. */
export async function takeBlob(
  storage: ActingStorage,
  namespace: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<BlobLink> {
  await storage.mayStore();
  const upload = storage.beginUpload({ owner: '', namespace });
  try {
    return await upload.finish(source, signal);
  } catch (error) {
    upload.cancel();
    throw error;
  }
}
