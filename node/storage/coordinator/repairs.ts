import type { TimerClock } from '../../../protocols/common/clock.ts';
import { ConcurrencyLimit, type Release } from '../../../protocols/common/concurrency-limit.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import type { PartitionId, SignedRecord } from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import { ATTEMPT_TIMEOUT_MS, DEADLINE_MS, REPAIRS_AT_ONCE, REPAIRS_MAX } from '../api/limits.ts';
import type { BlobRetention } from '../blobs/blob-retention.ts';
import { placeOfRecord } from '../placement/replica-placement.ts';
import { Deadline } from '../rpc/deadline.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { RecordStore } from '../store/interface.ts';
import type { ReadResult } from './record-reader.ts';

export interface RepairsComponents {
  readonly clock: TimerClock;
  readonly metrics: StorageServiceMetrics;
  readonly logger: Logger;
  readonly ask: RequestPeer;
  /** Reads one key from a majority. */
  readonly read: (partition: PartitionId, key: string, deadline: Deadline) => Promise<ReadResult>;
}

/** The place of a copy to repair. */
export interface Mended {
  readonly store: RecordStore;
  readonly blobs: BlobRetention;
}

/** Repairs copies in the background, through a bounded queue; later reads find again what the queue has no room for. */
export class Repairs {
  readonly #components: RepairsComponents;
  readonly #limit = new ConcurrencyLimit({ max: REPAIRS_AT_ONCE, queueMax: REPAIRS_MAX });
  readonly #abort = new AbortController();

  constructor(components: RepairsComponents) {
    this.#components = components;
  }

  stop(): void {
    this.#abort.abort(new CodedError('not_running', 'this node is stopping'));
  }

  /** Gives `record` to replicas that hold an older one. */
  give(record: SignedRecord, ids: readonly string[]): void {
    const { ask, clock } = this.#components;
    const request = { type: 'put', condition: null, asFallback: false, record: record.bytes } as const;
    for (const id of ids) {
      void this.#add(async () => {
        await ask<'put'>(id, request, clock.timeoutSignal(ATTEMPT_TIMEOUT_MS));
      });
    }
  }

  /** Replaces a copy in this node's store that does not open by what a majority holds. */
  mend(mended: Mended, partition: PartitionId, key: string): void {
    void this.#add(() => this.mendNow(mended, partition, key));
  }

  /** The same now. Throws where no majority can be asked. */
  async mendNow({ store, blobs }: Mended, partition: PartitionId, key: string): Promise<void> {
    const deadline = new Deadline(this.#components, { ms: DEADLINE_MS });
    try {
      const { record } = await this.#components.read(partition, key, deadline);
      if (record === null) await store.discard(partition, key);
      else {
        const place = placeOfRecord(partition, record);
        await blobs.take(record, place);
        await store.put({ place, record, condition: null, isRepair: true });
      }
    } finally {
      deadline.answered();
    }
  }

  /** Never rejects. */
  async #add(repair: () => Promise<void>): Promise<void> {
    const { metrics, logger } = this.#components;
    const { signal } = this.#abort;
    let release: Release;
    try {
      release = await this.#limit.acquire('', { signal });
    } catch {
      if (!signal.aborted) metrics.repairsDropped += 1;
      return;
    }
    try {
      await repair();
      metrics.repairs += 1;
    } catch (error) {
      logger.debug({ reason: errorMessage(error) }, 'a copy was not repaired');
    } finally {
      release();
    }
  }
}
