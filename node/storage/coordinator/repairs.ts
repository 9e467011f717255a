import type { TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import type {
  Answers,
  PartitionId,
  RequestOf,
  RequestType,
  SignedRecord,
} from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import { ATTEMPT_TIMEOUT_MS, DEADLINE_MS, REPAIRS_AT_ONCE, REPAIRS_MAX } from '../api/limits.ts';
import type { BlobKeeper } from '../blobs/blob-retention.ts';
import { placeOfRecord } from '../placement/replica-placement.ts';
import { Deadline } from '../rpc/deadline.ts';
import type { RecordStore } from '../store/interface.ts';
import type { ReadResult } from './reader.ts';

export interface RepairsComponents {
  readonly clock: TimerClock;
  readonly metrics: StorageServiceMetrics;
  readonly logger: Logger;
  readonly ask: <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ) => Promise<Answers[T]>;
  /** What a majority holds of a key. */
  readonly read: (partition: PartitionId, key: string, deadline: Deadline) => Promise<ReadResult>;
}

/** Where a copy is mended. */
export interface Mended {
  readonly store: RecordStore;
  readonly blobs: BlobKeeper;
}

/** Mends copies behind the foreground: a bounded line of them, some at a time; what finds no room is found again. */
export class Repairs {
  readonly #components: RepairsComponents;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #isStopped = false;

  constructor(components: RepairsComponents) {
    this.#components = components;
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
  }

  /** Gives `record` to replicas that hold an older one. */
  give(record: SignedRecord, ids: readonly string[]): void {
    const { ask, clock } = this.#components;
    const request = { type: 'put', condition: null, asStandIn: false, record: record.bytes } as const;
    for (const id of ids) {
      this.#add(async () => {
        await ask<'put'>(id, request, clock.timeoutSignal(ATTEMPT_TIMEOUT_MS));
      });
    }
  }

  /** Replaces a copy in this node's store that does not open by what a majority holds. */
  mend(mended: Mended, partition: PartitionId, key: string): void {
    this.#add(() => this.mendNow(mended, partition, key));
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

  #add(repair: () => Promise<void>): void {
    if (this.#isStopped) return;
    if (this.#waiting.length >= REPAIRS_MAX) {
      this.#components.metrics.repairsDropped += 1;
      return;
    }
    this.#waiting.push(repair);
    if (this.#running < REPAIRS_AT_ONCE) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running += 1;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await next();
        this.#components.metrics.repairs += 1;
      } catch (error) {
        this.#components.logger.debug({ reason: errorMessage(error) }, 'a copy was not repaired');
      }
    }
    this.#running -= 1;
  }
}
