import type { Meter } from '../../observability/meter.ts';
import type { RecordStore, StoreMetrics } from './interface.ts';

export function createStoreMetrics(): StoreMetrics {
  return { writes: 0, batches: 0, diskRefusals: 0, corruptions: 0, resets: 0, writerFailures: 0 };
}

/** Metrics and usage of the store. */
export type StoreGauges = Pick<RecordStore, 'metrics' | 'waiting'>;

/** Registers what the record store counts. */
export function registerStoreMetrics(meter: Meter, store: StoreGauges): void {
  const { metrics } = store;
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_store_${what}_total`, help, read);

  count('writes', 'Writes of records that were carried out.', () => metrics.writes);
  count('batches', 'Transactions that writes shared: each is one sync of the disk.', () => metrics.batches);
  count('disk_refusals', 'Writes refused because the disk is full or fails.', () => metrics.diskRefusals);
  count('corruptions', 'Copies on disk that did not read as they were written.', () => metrics.corruptions);
  count('resets', 'Damaged databases that were set aside.', () => metrics.resets);
  count('writer_failures', 'Times the thread that writes ended by itself.', () => metrics.writerFailures);
  meter.gauge('maillon_store_waiting_records', 'Writes that wait for the disk.', () => store.waiting);
}
