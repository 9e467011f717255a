import { setImmediate as turn } from 'node:timers/promises';
import type { BlobLink } from '../../../protocols/blobs/index.ts';
import { sleep, type TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import {
  type BlobProgress,
  blobOf,
  compareRecords,
  KIND_BLOB,
  type PartitionId,
  partitionOf,
  ReplicaError,
  type SignedRecord,
  StorageError,
} from '../../../protocols/storage/index.ts';
import type { BlobStore, Reference } from '../../blobs/interface.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { Logger } from '../../observability/logger.ts';
import {
  BLOB_REFERENCE_AGE_MS,
  BLOB_REFERENCES_PAGE,
  BLOB_REFETCHES,
  BLOB_SWEEP_MS,
  PREFETCH_ANSWER_MS,
} from '../api/limits.ts';
import { noRoom } from '../api/refusals.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RecordStore } from '../store/interface.ts';
import type { BlobFetches } from './blob-fetches.ts';
import { progressOf } from './request-handler.ts';

export interface BlobRetentionComponents {
  readonly store: RecordStore;
  readonly blobs: LocalBlobs;
  readonly fetches: BlobFetches;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
}

/**
 * Keeps the blobs of this node's records: it fetches a blob before its record is stored, and removes it once no record
 * refers to it.
 */
export class BlobRetention {
  readonly #components: BlobRetentionComponents;
  readonly #self: string;
  readonly #sweeping: RepeatingTask;
  #isSweeping = false;

  constructor(components: BlobRetentionComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
    const { clock, logger } = components;
    this.#sweeping = new RepeatingTask(
      {
        clock,
        run: async () => void (await this.sweep()),
        onError: (error) =>
          logger.warn({ reason: errorMessage(error) }, 'the blobs of records were not looked after'),
      },
      { intervalMs: BLOB_SWEEP_MS },
    );
  }

  start(): void {
    this.#components.fetches.start();
    this.#sweeping.start();
  }

  stop(): void {
    void this.#sweeping.stop();
    this.#components.fetches.stop();
  }

  /** Gets the blob of a record that is about to be put: how far it is, soon. Throws `ReplicaError` for what it will not be. */
  async prefetch(record: SignedRecord, partition: PartitionId, peer: string): Promise<BlobProgress> {
    const link = linkOf(record);
    const fetching = this.#fetch(link, partition, peer);
    const leaving = new AbortController();
    try {
      await Promise.race([fetching, sleep(this.#components.clock, PREFETCH_ANSWER_MS, leaving.signal)]);
    } catch (error) {
      throw refusalOf(error);
    } finally {
      // it goes on behind the answer: who asks again hears of its end
      fetching.catch(() => undefined);
      leaving.abort();
    }
    return progressOf(this.#components.blobs.opened, link.cid);
  }

  /** Before a record is put: its blob stays from now on. Throws `ReplicaError` where it is not here; then it is fetched. */
  hold(record: SignedRecord, partition: PartitionId, peer: string): void {
    const link = blobOf(record);
    if (link === null) return;
    const there = this.#components.blobs.opened?.stat(link.cid) ?? null;
    if (there?.isComplete !== true || there.size !== link.size) {
      this.#fetch(link, partition, peer).catch((error: unknown) => this.#notFetched(error));
      throw new ReplicaError('blob_missing', 'the blob of the record is not here yet');
    }
    try {
      this.#store.hold(referenceOf(record, partition), link.cid);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** Removes what records referred to until shortly. Whether that made room. */
  async freeRoom(): Promise<boolean> {
    const { bytes } = await this.#components.blobs.collect('released');
    return bytes > 0;
  }

  /** A record is on disk: what it replaced needs no blob any more. */
  replaced({ key, ...stamp }: SignedRecord, { namespaceId }: PartitionId): void {
    const { blobs, logger } = this.#components;
    try {
      for (const older of blobs.opened?.stampsOf(namespaceId, key) ?? []) {
        // one that is newer may be on its way
        if (compareRecords(older, stamp) < 0) blobs.opened?.release({ namespaceId, key, stamp: older });
      }
    } catch (error) {
      // a sweep finds it again
      logger.debug(
        { reason: errorMessage(error) },
        'the blob of a record that was replaced was not released',
      );
    }
  }

  /** Gets and holds the blob of a record that is copied. One that nobody has any more is kept wanted, so that the record is not lost, too. */
  async take(record: SignedRecord, partition: PartitionId, source = this.#self): Promise<void> {
    const link = blobOf(record);
    if (link === null) return;
    const reference = referenceOf(record, partition);
    try {
      await this.#fetch(link, partition, source);
      this.#store.hold(reference, link.cid);
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#store.want(reference, link);
    }
  }

  /**
   * Gets what is wanted of a partition of somebody who is about to drop it: he may be the last who has it. Throws where he may yet
   * give something that is not here.
   */
  async refill(partition: PartitionId, source: string): Promise<void> {
    const { namespaceId } = partition;
    const lacking = this.#components.blobs.opened?.lacking(namespaceId, BLOB_REFERENCES_PAGE) ?? [];
    for (const { link, reference } of lacking) {
      if (this.#partition(namespaceId, reference.key).partition !== partition.partition) continue;
      try {
        await this.#fetch(link, partition, source);
      } catch (error) {
        if (!isGone(error)) throw refusalOf(error);
      }
    }
  }

  /**
   * Releases blobs that no record refers to any more; fetches again wanted blobs that are incomplete. `isThorough`:
   * also of references that are so new that their records might be about to be put, where something newer is there.
   */
  async sweep({ isThorough = false } = {}): Promise<{ readonly released: number; readonly fetched: number }> {
    const { blobs } = this.#components;
    if (this.#isSweeping || blobs.opened === null) return { released: 0, fetched: 0 };
    this.#isSweeping = true;
    try {
      const now = this.#components.clock.now();
      const aged = now - BLOB_REFERENCE_AGE_MS;
      let released = await this.#release(blobs.opened, aged, (one) => this.#isGone(one));
      if (isThorough) released += await this.#release(blobs.opened, now, (one) => this.#isReplaced(one));
      return { released, fetched: await this.#refetch(blobs.opened) };
    } finally {
      this.#isSweeping = false;
    }
  }

  async #release(
    blobs: BlobStore,
    before: number,
    isOver: (reference: Reference) => boolean,
  ): Promise<number> {
    let released = 0;
    for (let after = 0; ; ) {
      const page = blobs.references({ after, before, limit: BLOB_REFERENCES_PAGE });
      for (const { reference } of page) {
        if (isOver(reference) && blobs.release(reference)) released += 1;
      }
      const last = page.at(-1);
      if (last === undefined) return released;
      after = last.position;
      await turn();
    }
  }

  /** Whether the record is no more. Where records are missing that this node should have they may come again. */
  #isGone({ namespaceId, key, stamp }: Reference): boolean {
    const { store, states } = this.#components;
    const partition = this.#partition(namespaceId, key);
    try {
      const head = store.head(partition, key);
      if (head !== null) return head.kind !== KIND_BLOB || compareRecords(head, stamp) !== 0;
    } catch {
      // one that does not read is repaired
      return false;
    }
    const { isReplica, isSynced } = states.of(partition);
    return !isReplica || isSynced;
  }

  /** Whether something newer is there. */
  #isReplaced({ namespaceId, key, stamp }: Reference): boolean {
    try {
      const head = this.#components.store.head(this.#partition(namespaceId, key), key);
      return head !== null && compareRecords(head, stamp) > 0;
    } catch {
      return false;
    }
  }

  async #refetch(blobs: BlobStore): Promise<number> {
    const wanted = blobs.wanted(BLOB_REFETCHES);
    const fetched = await Promise.all(
      wanted.map(async ({ link, reference: { namespaceId, key } }) => {
        try {
          await this.#fetch(link, this.#partition(namespaceId, key), this.#self);
          return true;
        } catch (error) {
          this.#notFetched(error);
          return false;
        }
      }),
    );
    return fetched.filter(Boolean).length;
  }

  #fetch(link: BlobLink, partition: PartitionId, peer: string): Promise<void> {
    const { fetches, places } = this.#components;
    const place = places.of(partition);
    const ids = [peer, ...[...place.replicas, ...places.fallbacks(place)].map(({ id }) => id)];
    const sources = [...new Set(ids)].filter((id) => id !== this.#self);
    return fetches.fetch({ link, namespaceId: partition.namespaceId, sources, peer });
  }

  #partition(namespaceId: Uint8Array, key: string): PartitionId {
    return { namespaceId, partition: partitionOf(this.#components.crypto, key) };
  }

  #notFetched(error: unknown): void {
    this.#components.logger.debug({ reason: errorMessage(error) }, 'a blob was not fetched');
  }

  get #store(): BlobStore {
    return this.#components.blobs.store();
  }
}

function linkOf(record: SignedRecord): BlobLink {
  const link = blobOf(record);
  if (link === null) throw new StorageError('record_field', 'the record must be one whose value is a blob');
  return link;
}

function referenceOf({ key, ms, counter, digest }: SignedRecord, { namespaceId }: PartitionId): Reference {
  return { namespaceId, key, stamp: { ms, counter, digest } };
}

/** Whether all who were asked have it not. */
function isGone(error: unknown): boolean {
  return error instanceof CodedError && error.detail?.['isGone'] === true;
}

/** The answer to a peer about a blob that was not fetched or held. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof CodedError)) return error;
  if (error.code === 'over_quota') return noRoom('quota');
  if (error.code === 'no_room') return noRoom(error.detail?.['reason'] === 'disk' ? 'disk' : 'capacity');
  return new ReplicaError('blob_missing', error.message);
}
