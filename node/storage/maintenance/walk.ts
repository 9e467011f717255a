import type { PartitionId } from '../../../protocols/storage/index.ts';
import type { PartitionSummary, RecordStore } from '../store/interface.ts';
import { EXPORT_PAGE_KEYS } from './limits.ts';

/** Every partition of a store. Throws what `signal` aborts with. */
export function* partitionsIn(
  store: Pick<RecordStore, 'partitions'>,
  signal: AbortSignal,
): Generator<PartitionSummary, void, undefined> {
  let after: PartitionId | null = null;
  for (let isEnd = false; !isEnd; ) {
    signal.throwIfAborted();
    const page: ReturnType<RecordStore['partitions']> = store.partitions({ after, limit: EXPORT_PAGE_KEYS });
    yield* page.partitions;
    after = page.partitions.at(-1) ?? after;
    ({ isEnd } = page);
  }
}

/** The keys of a partition, a page at a time: other work gets its turn between pages. Throws what `signal` aborts with. */
export function* keyPagesIn(
  store: Pick<RecordStore, 'list'>,
  partition: PartitionId,
  now: number,
  signal: AbortSignal,
): Generator<readonly string[], void, undefined> {
  let after: string | null = null;
  do {
    signal.throwIfAborted();
    const options = { prefix: '', after, limit: EXPORT_PAGE_KEYS, now };
    const page: ReturnType<RecordStore['list']> = store.list(partition, options);
    yield page.entries.map(({ key }) => key);
    after = page.next;
  } while (after !== null);
}
