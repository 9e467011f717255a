import { join } from 'node:path';
import { createCrypto } from '../../node/runtime/crypto.ts';
import type { PartitionPlace, RecordStore, VersionEntry } from '../../node/storage/store/interface.ts';
import { openRecordStore, type RecordStoreInit } from '../../node/storage/store/store.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import {
  compareKeys,
  decodeRecord,
  encodeBody,
  encodeRecord,
  type PartitionId,
  type RecordBody,
  type SignedRecord,
} from '../../protocols/storage/index.ts';
import { OWNER } from './owner.ts';
import { silentLogger } from './silent-logger.ts';

export const crypto = createCrypto();
const GIB = 2 ** 30;
const ED25519_PREFIX = [0xed, 0x01];

export const PLACE: PartitionPlace = {
  namespaceId: new Uint8Array(32).fill(7),
  partition: 3,
  owner: OWNER.did,
  namespace: 'tests',
};

/** A record as the store gets it. It takes them verified, so the signature is none. */
export function storable(fields: Partial<RecordBody> & { readonly key: string }): SignedRecord {
  const { ms = 1_000_000 } = fields;
  const body = encodeBody({
    owner: PLACE.owner,
    namespace: PLACE.namespace,
    author: Uint8Array.from([...ED25519_PREFIX, ...new Uint8Array(32).fill(1)]),
    ms,
    counter: 0,
    time: ms,
    expiry: null,
    kind: 0,
    contentType: '',
    value: Buffer.from(`value of ${fields.key}`),
    chain: [],
    ext: {},
    ...fields,
  });
  const record = decodeRecord(encodeRecord(body, new Uint8Array(64)), crypto);
  // not a Buffer, as what SQLite gives is none: tests compare them
  return { ...record, digest: new Uint8Array(record.digest) };
}

/** All that a store holds of a partition, floors too, as another replica is told of it, in the order of keys. */
export async function heldIn(store: RecordStore, partition: PartitionId = PLACE): Promise<VersionEntry[]> {
  const items = await store.openItems(partition);
  try {
    const entries = [...items.set.items(0, items.set.size)].flatMap(({ id }) => items.entryOf(id) ?? []);
    return entries.toSorted((a, b) => compareKeys(a.key, b.key));
  } finally {
    items.release();
  }
}

/** The store in `data`, with room for everything unless said otherwise. */
export function openStore(
  data: string,
  init: Partial<RecordStoreInit> & { readonly clock?: Clock } = {},
): RecordStore {
  const { clock = { now: () => 1_000_000 }, ...rest } = init;
  return openRecordStore(
    { clock, crypto, logger: silentLogger() },
    {
      directory: join(data, 'storage'),
      keyPath: join(data, 'storage.key'),
      capacityBytes: () => GIB,
      quotaOf: () => ({ bytes: GIB, keys: 1_000_000, isSponsored: true }),
      ...rest,
    },
  );
}
