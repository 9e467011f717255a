import { sleep, type TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import type { PartitionId } from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import type { PartitionPlace, RecordStore } from '../store/interface.ts';
import { inspectRecords } from './inspect-records.ts';
import type { Finding } from './inspection.ts';
import type { Scrubbed } from './interface.ts';
import { BROKEN_MAX, MEND_ATTEMPTS, MEND_RETRY_MS, MENDS_AT_ONCE } from './limits.ts';

export interface RecordScrubComponents {
  readonly store: RecordStore;
  readonly clock: TimerClock;
  readonly logger: Logger;
  /** Replaces a copy by what a majority holds. */
  readonly mend: (partition: PartitionId, key: string) => Promise<void>;
  /** Whether others have what is lost here. */
  readonly hasOthers: () => boolean;
  readonly onCatalogueDamage: (reason: string) => Promise<void>;
}

export interface RecordScrubInit {
  readonly swarm: string;
  readonly catalogue: string | null;
  readonly bytesPerSecond: number;
  readonly after: number;
  readonly signal: AbortSignal;
  readonly onRead: (read: {
    readonly records: number;
    readonly bytes: number;
    readonly position: number;
  }) => void;
}

export interface RecordScrubbed extends Scrubbed {
  readonly reset: string | null;
  readonly unrepaired: readonly string[];
}

interface Broken {
  readonly place: PartitionPlace;
  readonly key: string;
}

/** Reads and verifies all records, and repairs those that are broken. */
export class RecordScrub {
  readonly #components: RecordScrubComponents;
  readonly #init: RecordScrubInit;
  readonly #broken: Broken[] = [];
  #read = 0;
  #bytes = 0;
  #damage: string | null = null;
  #catalogueDamage: string | null = null;

  constructor(components: RecordScrubComponents, init: RecordScrubInit) {
    this.#components = components;
    this.#init = init;
  }

  async run(): Promise<RecordScrubbed> {
    const { store } = this.#components;
    const { swarm, catalogue, bytesPerSecond, after, signal } = this.#init;
    const key = store.care.key();
    if (key !== null) {
      const init = { path: store.care.path, key, catalogue, swarm, bytesPerSecond, after };
      await inspectRecords(init, { signal, onFinding: (finding) => this.#found(finding) });
    }
    if (this.#catalogueDamage !== null) await this.#components.onCatalogueDamage(this.#catalogueDamage);
    if (this.#damage !== null) return this.#giveUp(this.#damage);
    const unrepaired = await this.#mendAll();
    const broken = this.#broken.length;
    return { ...this.#counts, broken, repaired: broken - unrepaired.length, reset: null, unrepaired };
  }

  get #counts(): Pick<Scrubbed, 'read' | 'bytes'> {
    return { read: this.#read, bytes: this.#bytes };
  }

  #found(finding: Finding): void {
    switch (finding.kind) {
      case 'read':
        this.#read += finding.records;
        this.#bytes += finding.bytes;
        this.#init.onRead(finding);
        break;
      case 'broken':
        if (this.#broken.length < BROKEN_MAX) this.#broken.push(finding);
        else this.#damage ??= `more than ${BROKEN_MAX} records are broken`;
        break;
      case 'damaged':
        this.#damage ??= finding.reason;
        break;
      case 'damagedCatalogue':
        this.#catalogueDamage = finding.reason;
        break;
      default:
    }
  }

  /** Resets the store so that other replicas restore it; without others it keeps what can still be read. */
  #giveUp(reason: string): RecordScrubbed {
    const { store, hasOthers } = this.#components;
    const broken = Math.max(1, this.#broken.length);
    if (!hasOthers()) {
      const unrepaired = [`the database of records: ${reason}`];
      return { ...this.#counts, broken, repaired: 0, reset: null, unrepaired };
    }
    store.care.giveUp(reason);
    return { ...this.#counts, broken, repaired: 0, reset: reason, unrepaired: [] };
  }

  /** Names of those that nobody could give. */
  async #mendAll(): Promise<string[]> {
    if (this.#broken.length === 0) return [];
    // what memory still has of a page says nothing of the disk, and would be taken for what is there
    await this.#components.store.care.refresh();
    const rest = this.#broken.values();
    const unrepaired: string[] = [];
    const worker = async (): Promise<void> => {
      for (const broken of rest) if (!(await this.#mend(broken))) unrepaired.push(nameOf(broken));
    };
    await Promise.all(Array.from({ length: MENDS_AT_ONCE }, worker));
    return unrepaired;
  }

  async #mend({ place, key }: Broken): Promise<boolean> {
    const { mend, logger } = this.#components;
    const { signal } = this.#init;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        await orAborted(mend(place, key), signal);
        if (this.#isSound(place, key)) return true;
      } catch (error) {
        logger.debug({ reason: errorMessage(error) }, 'a broken record was not repaired yet');
      }
      if (attempt === MEND_ATTEMPTS) return false;
      await sleep(this.#components.clock, MEND_RETRY_MS, signal);
    }
  }

  #isSound(place: PartitionPlace, key: string): boolean {
    const { store, clock } = this.#components;
    try {
      store.get(place, key, clock.now());
      return true;
    } catch {
      return false;
    }
  }
}

/** A majority that does not answer is not waited for by a node that stops. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function nameOf({ place: { owner, namespace }, key }: Broken): string {
  return `${namespace}@${owner}/${key}`;
}
