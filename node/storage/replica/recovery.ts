import type { TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import { type PartitionId, TOMBSTONE_LIFE_MS } from '../../../protocols/storage/index.ts';
import type { EventLog } from '../../observability/events.ts';
import type { Logger } from '../../observability/logger.ts';
import type { RecoveryStatus } from '../api/interface.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import type { RecordStore } from '../store/interface.ts';
import { type Restored, readRestored, removeRestored } from './restored-file.ts';

export interface RecoveryComponents {
  readonly store: RecordStore;
  readonly states: Pick<PartitionStates, 'recoveryOf'>;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly events: EventLog;
}

/** How often a restored node checks the progress of its reconciliation. */
const LOOK_MS = 500;
/** Partitions of one look: some milliseconds. */
const LOOKED_AT = 256;

/**
 * Follows a node that was restored from a backup until every partition that it is a replica of has reconciled with the others. A partition
 * that has reconciled stays so: each look goes on where the one before met one that has not.
 */
export class Recovery {
  readonly #components: RecoveryComponents;
  readonly #data: string;
  readonly #restored: Restored | null;
  #state: RecoveryStatus['state'] | null;
  #after: PartitionId | null = null;
  /** Whether this look has met a partition that nobody else keeps. */
  #isAlone = false;
  readonly #looking: RepeatingTask;

  /** Reads what the restore left in the data directory. */
  constructor(components: RecoveryComponents, { data }: { readonly data: string }) {
    this.#components = components;
    this.#data = data;
    this.#restored = readRestored(data);
    this.#state = this.#restored === null ? null : 'reconciling';
    const { clock, logger } = components;
    this.#looking = new RepeatingTask(
      {
        clock,
        run: () => this.#look(),
        onError: (error) =>
          logger.warn(
            { reason: errorMessage(error) },
            'the store could not be asked how far reconciling has come',
          ),
      },
      { intervalMs: LOOK_MS },
    );
  }

  /** Null of a node that was not restored, or has reconciled. */
  get status(): RecoveryStatus | null {
    if (this.#restored === null || this.#state === null) return null;
    return { asOf: this.#restored.at, state: this.#state };
  }

  start(): void {
    if (this.#state !== null) this.#looking.start();
  }

  stop(): void {
    void this.#looking.stop();
  }

  #look(): void {
    const { store, states } = this.#components;
    const { partitions, isEnd } = store.partitions({ after: this.#after, limit: LOOKED_AT });
    for (const { namespaceId, partition } of partitions) {
      const found = states.recoveryOf({ namespaceId, partition });
      if (found === 'reconciling') return this.#become('reconciling');
      if (found === 'alone') this.#isAlone = true;
      this.#after = { namespaceId, partition };
    }
    if (!isEnd) return;
    const isAlone = this.#isAlone;
    this.#after = null;
    this.#isAlone = false;
    if (isAlone && !this.#isOver) this.#become('alone');
    else this.#end();
  }

  /** Another replica that was away for so long brings nothing back any more. */
  get #isOver(): boolean {
    const since = this.#restored?.restoredAt ?? 0;
    return this.#components.clock.now() - since > TOMBSTONE_LIFE_MS;
  }

  #become(state: RecoveryStatus['state']): void {
    if (this.#state === state) return;
    this.#state = state;
    if (state === 'alone') this.#components.events.report('restored_alone', this.#detail);
  }

  #end(): void {
    this.stop();
    this.#state = null;
    removeRestored(this.#data);
    this.#components.events.report('restored_reconciled', this.#detail);
  }

  get #detail(): { readonly asOf: string } {
    return { asOf: new Date(this.#restored?.at ?? 0).toISOString() };
  }
}
