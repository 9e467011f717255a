import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { blobOf, KIND_BLOB } from '../../../protocols/storage/index.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { PartitionSummary, RecordStore } from '../store/interface.ts';
import { keyPagesIn, partitionsIn } from './walk.ts';

export interface NoteBlobsComponents {
  readonly store: RecordStore;
  readonly blobs: LocalBlobs;
  readonly clock: Clock;
}

/**
 * After the catalogue of blobs was lost: notes anew what records refer to. Blobs on disk are found there; the rest is fetched.
 */
export async function noteBlobs(components: NoteBlobsComponents, signal: AbortSignal): Promise<void> {
  const { store, clock } = components;
  for (const partition of partitionsIn(store, signal)) {
    const now = clock.now();
    for (const keys of keyPagesIn(store, partition, now, signal)) {
      for (const key of keys) {
        try {
          noteOne(components, partition, key, now);
        } catch (error) {
          if (!isOfOne(error)) throw error;
        }
      }
      await turn();
    }
  }
}

function noteOne(
  { store, blobs }: Pick<NoteBlobsComponents, 'store' | 'blobs'>,
  partition: PartitionSummary,
  key: string,
  now: number,
): void {
  if (store.head(partition, key)?.kind !== KIND_BLOB) return;
  const held = store.get(partition, key, now);
  const link = held !== null && 'record' in held ? blobOf(held.record) : null;
  if (held === null || !('record' in held) || link === null) return;
  const { ms, counter, digest } = held.record;
  const { namespaceId } = partition;
  blobs.store().want({ namespaceId, key, stamp: { ms, counter, digest } }, link);
}

/** A record that does not open, or a namespace with more than its share, keeps the others from nothing. */
function isOfOne(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false;
  return error.code === 'corrupt' || error.code === 'over_quota';
}
