import { formatEtag, recordCid, type SignedRecord } from '../../../protocols/storage/index.ts';
import type { Durability, WriteReceipt } from '../api/interface.ts';
import { UNSPONSORED_LIFE_MS } from '../store/constants.ts';
import type { WriteResult } from './writer.ts';

/** The earlier of two expiry times; null means never. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/** When a value really ends: replicas that nobody chose keep it for a day. */
function expiryOf(
  { time, expiry }: Pick<SignedRecord, 'time' | 'expiry'>,
  { isSponsored }: { readonly isSponsored: boolean },
): number | null {
  return isSponsored ? expiry : Math.min(expiry ?? Infinity, time + UNSPONSORED_LIFE_MS);
}

/** Receipt for the client of an acknowledged write; `wanted` is the desired number of replicas. */
export function receiptOf(result: WriteResult, durability: Durability, wanted: number): WriteReceipt {
  const { record, replicas, replicaSet, isDurable } = result;
  return {
    etag: formatEtag(record),
    id: recordCid(record.digest),
    version: { ms: record.ms, counter: record.counter },
    replicas,
    replicaSet,
    wanted,
    durability,
    durable: isDurable,
    expiresAt: expiryOf(record, result),
  };
}
