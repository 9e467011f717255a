import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { blobOf, KIND_BLOB, type PartitionId } from '../../../protocols/storage/index.ts';
import type { BlobHome } from '../../blobs/local-blobs.ts';
import type { PartitionSummary, RecordStore } from '../store/interface.ts';
import { EXPORT_PAGE_KEYS } from './limits.ts';

export interface NoteBlobsComponents {
  readonly store: RecordStore;
  readonly blobs: BlobHome;
  readonly clock: Clock;
}

/** After the catalogue of blobs was lost: notes anew what records refer to. What is on disk is found there, the rest is fetched. */
export async function noteBlobs(components: NoteBlobsComponents, signal: AbortSignal): Promise<void> {
  let after: PartitionId | null = null;
  for (let isEnd = false; !isEnd; ) {
    const page: ReturnType<RecordStore['partitions']> = components.store.partitions({
      after,
      limit: EXPORT_PAGE_KEYS,
    });
    for (const partition of page.partitions) {
      await noteOf(components, partition, signal);
      after = partition;
    }
    ({ isEnd } = page);
  }
}

async function noteOf(
  { store, blobs, clock }: NoteBlobsComponents,
  partition: PartitionSummary,
  signal: AbortSignal,
): Promise<void> {
  const now = clock.now();
  let after: string | null = null;
  do {
    signal.throwIfAborted();
    const page: ReturnType<RecordStore['list']> = store.list(partition, {
      prefix: '',
      after,
      limit: EXPORT_PAGE_KEYS,
      now,
    });
    for (const { key } of page.entries) {
      try {
        noteOne({ store, blobs }, partition, key, now);
      } catch (error) {
        if (!isOfOne(error)) throw error;
      }
    }
    after = page.next;
    await turn();
  } while (after !== null);
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
