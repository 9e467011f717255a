import { z } from 'zod';
import { bytesKey } from '../../../protocols/common/bytes.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { PARTITIONS, type PartitionId, partitionKey } from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import { PLACES_MAX } from '../api/limits.ts';
import type { PartitionPlace, PartitionState, RecordStore } from '../store/interface.ts';
import type { Members } from './members.ts';
import type { ReplicaPlacement } from './replica-placement.ts';

export interface OwnPartitionState {
  readonly setId: string;
  readonly isReplica: boolean;
  /** It has all that the former replicas had; of one that is no replica any more: it had, when it ceased to be one. */
  readonly isSynced: boolean;
  /** The replica-set id under which it became synced, if the replicas have been the same since. */
  readonly origin: string | null;
}

/** State of a partition at this node. On disk it is a version and these. */
interface State {
  /** Peer ids of the replicas under which it was a replica last, the closest first. */
  readonly replicaSet: readonly string[];
  readonly setId: string;
  /** Whether it was a replica then. */
  readonly isReplica: boolean;
  readonly isSynced: boolean;
  /** The replica-set id under which it became synced; null once the replica set changed. */
  readonly origin: string | null;
  /** It was away for longer than tombstones live: what it holds may have been deleted since. */
  readonly isStale: boolean;
  /** It was a replica as a sponsor: what it holds was promised to be durable, and is given up only to others of the same promise. */
  readonly isPromised: boolean;
  /** The moment of the backup that it was restored from, until it has reconciled with other replicas; null of all else. */
  readonly asOf: number | null;
}

const STATE_VERSION = 3;
const stateSchema = z.object({
  version: z.literal(STATE_VERSION),
  replicaSet: z.array(z.string()),
  setId: z.string(),
  isReplica: z.boolean(),
  isSynced: z.boolean(),
  origin: z.string().nullable(),
  isStale: z.boolean(),
  isPromised: z.boolean(),
  asOf: z.int().nullable(),
});

const NOTHING: State = {
  replicaSet: [],
  setId: '',
  isReplica: false,
  isSynced: false,
  origin: null,
  isStale: false,
  isPromised: false,
  asOf: null,
};
/** Partitions marked at a time. */
const MARK_PAGE = 256;

/** The state of a partition that is restored from a backup: this node does not know what became of it since `asOf`. */
export function restoredState(
  state: PartitionState | null,
  { asOf, isStale, isOther }: { readonly asOf: number; readonly isStale: boolean; readonly isOther: boolean },
): PartitionState {
  const parsed = isOther ? null : stateSchema.safeParse(state);
  const { replicaSet, ...known } = parsed?.success === true ? parsed.data : NOTHING;
  return {
    ...known,
    version: STATE_VERSION,
    replicaSet: [...replicaSet],
    isSynced: false,
    origin: null,
    isStale,
    asOf,
  };
}

interface Kept {
  state: State;
  isOnDisk: boolean;
}

export interface PartitionStatesComponents {
  readonly store: RecordStore;
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly logger: Logger;
  /** Told of a partition that this node is a replica of and does not have all of, or keeps in part for a day only though it is a sponsor now. */
  readonly onDue: (partition: PartitionId) => void;
}

/**
 * Keeps the state of each partition at this node. A synced replica stays one when others come and go: any majority of
 * the new replicas holds a newcomer, which has reconciled with a majority of the old ones, or is one of the old ones
 * itself.
 */
export class PartitionStates {
  readonly #components: PartitionStatesComponents;
  readonly #kept = new Map<string, Kept>();
  /** Namespaces whose partitions were all claimed. */
  readonly #claimed = new Set<string>();

  constructor(components: PartitionStatesComponents) {
    this.#components = components;
  }

  of(partition: PartitionId): OwnPartitionState {
    const place = this.#components.places.of(partition);
    const { setId, isReplica } = place;
    const kept = this.#load(partition);
    const { state } = kept;
    if (!isReplica) {
      if (state.isReplica) this.#set(partition, kept, { ...state, isReplica: false, origin: null });
      return { setId, isReplica, isSynced: state.isSynced, origin: null };
    }
    if (state.isReplica && state.isSynced) {
      const isPromised = state.isPromised || (place.isSponsored && this.#isEmpty(partition));
      if (state.setId !== setId || state.isPromised !== isPromised) {
        const replicaSet = place.replicas.map(({ id }) => id);
        const origin = state.setId === setId ? state.origin : null;
        this.#set(partition, kept, { ...state, setId, replicaSet, origin, isPromised });
      }
      if (place.isSponsored && !isPromised) this.#components.onDue(partition);
      return { setId, isReplica, isSynced: true, origin: kept.state.origin };
    }
    if (this.#isAlone) {
      this.#becomeSynced(partition, { asOf: state.asOf, isWhole: this.#isEmpty(partition) });
      return { setId, isReplica, isSynced: true, origin: setId };
    }
    this.#components.onDue(partition);
    return { setId, isReplica, isSynced: false, origin: null };
  }

  /** Whether what is held may have been deleted elsewhere meanwhile. */
  isStale(partition: PartitionId): boolean {
    return this.#load(partition).state.isStale;
  }

  /** Whether what is held was promised to be durable. */
  isPromised(partition: PartitionId): boolean {
    return this.#load(partition).state.isPromised;
  }

  /** Whether a reader gets nothing of it: it is stale, or was restored and has not reconciled yet. */
  isWithheld(partition: PartitionId): boolean {
    const { isStale, isSynced, asOf } = this.#load(partition).state;
    return isStale || (asOf !== null && !isSynced);
  }

  /** How far a partition that was restored has come; null where that is over, or where this node is not a replica of it. */
  recoveryOf(partition: PartitionId): 'reconciling' | 'alone' | null {
    if (this.#load(partition).state.asOf === null) return null;
    const { isReplica, isSynced } = this.of(partition);
    if (!isReplica || this.#load(partition).state.asOf === null) return null;
    return isSynced ? 'alone' : 'reconciling';
  }

  /** This node has all that the former replicas had, and of what it sponsors for as long as its authors said. */
  synced(partition: PartitionId): void {
    this.#becomeSynced(partition, { asOf: null, isWhole: true });
  }

  /** This node keeps for as long as their authors said also the values that it had before it was a sponsor. */
  promised(partition: PartitionId): void {
    const kept = this.#load(partition);
    if (kept.state.isSynced) this.#set(partition, kept, { ...kept.state, isPromised: true });
  }

  /** This node has ended the keys that the replicas ended while it was away. */
  refreshed(partition: PartitionId): void {
    const kept = this.#load(partition);
    this.#set(partition, kept, { ...kept.state, isStale: false });
  }

  #isEmpty(partition: PartitionId): boolean {
    return this.#components.store.summary(partition) === null;
  }

  #becomeSynced(
    partition: PartitionId,
    { asOf, isWhole }: { readonly asOf: number | null; readonly isWhole: boolean },
  ): void {
    const { replicas, setId, isReplica, isSponsored } = this.#components.places.of(partition);
    const kept = this.#load(partition);
    this.#set(partition, kept, {
      replicaSet: replicas.map(({ id }) => id),
      setId,
      isReplica,
      isSynced: isReplica,
      origin: isReplica ? setId : null,
      isStale: false,
      isPromised: kept.state.isPromised || (isReplica && isSponsored && isWhole),
      asOf,
    });
  }

  /**
   * Resolves when the state is on disk: before a write is acknowledged. The empty partitions of the namespace are
   * claimed along with the first that is kept.
   */
  async keep(place: PartitionPlace): Promise<void> {
    const kept = this.#load(place);
    if (kept.isOnDisk || kept.state === NOTHING) return;
    const written = this.#write(place, kept);
    if (!this.#claimed.has(bytesKey(place.namespaceId))) this.claim(place);
    await written;
  }

  /**
   * Makes this node a synced replica of every partition of a namespace of which it holds something, the empty ones, too: a list needs
   * them all, and when another replica is gone it may be too late.
   */
  claim({ owner, namespace, namespaceId }: PartitionPlace): void {
    this.#claimed.add(bytesKey(namespaceId));
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const place = { owner, namespace, namespaceId, partition };
      const kept = this.#load(place);
      // what was claimed before there was anything of the namespace is not on disk yet
      if (!kept.isOnDisk && kept.state !== NOTHING) this.#writeLater(place, kept);
      this.of(place);
    }
  }

  /** Nothing is known any more of what this node has: its disk was lost, or a partition was dropped. */
  forget(partition?: PartitionId): void {
    if (partition !== undefined) {
      this.#kept.delete(partitionKey(partition));
      return;
    }
    this.#kept.clear();
    this.#claimed.clear();
  }

  /**
   * This node was away for so long that others may have been a replica: what it holds does not count before it was
   * reconciled, and is not shown either where it `isStale`.
   */
  async distrustAll({ isStale }: { readonly isStale: boolean }): Promise<void> {
    const { store } = this.#components;
    let after: PartitionId | null = null;
    for (let isEnd = false; !isEnd; ) {
      const page: ReturnType<RecordStore['partitions']> = store.partitions({ after, limit: MARK_PAGE });
      const marked = page.partitions.map((place) => {
        const kept = this.#load(place);
        const { state } = kept;
        kept.state = { ...state, isSynced: false, origin: null, isStale: state.isStale || isStale };
        return this.#write(place, kept);
      });
      await Promise.all(marked);
      const last = page.partitions.at(-1);
      if (last !== undefined) after = { namespaceId: last.namespaceId, partition: last.partition };
      isEnd = page.isEnd || page.partitions.length === 0;
    }
  }

  /** In a swarm of one there is no other node to ask. */
  get #isAlone(): boolean {
    const { members } = this.#components;
    return members.size === 1 && members.isSettled;
  }

  #load(partition: PartitionId): Kept {
    const key = partitionKey(partition);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const parsed = stateSchema.safeParse(this.#components.store.getState(partition));
    const kept: Kept = { state: parsed.success ? parsed.data : NOTHING, isOnDisk: parsed.success };
    // what is forgotten and not on disk is found out again
    if (this.#kept.size >= PLACES_MAX) this.forget();
    this.#kept.set(key, kept);
    return kept;
  }

  /**
   * State that was on disk is written again. Other state is written once the node holds something of the namespace: an empty
   * partition counts like the others, and must do so after a restart.
   */
  #set(partition: PartitionId, kept: Kept, state: State): void {
    kept.state = state;
    kept.isOnDisk = false;
    const names = this.#components.store.totals(partition.namespaceId);
    if (names === null) return;
    const { owner, namespace } = names;
    this.#writeLater(
      { owner, namespace, namespaceId: partition.namespaceId, partition: partition.partition },
      kept,
    );
  }

  #writeLater(place: PartitionPlace, kept: Kept): void {
    this.#write(place, kept).catch((error: unknown) => {
      const reason = errorMessage(error);
      this.#components.logger.warn({ reason }, 'the state of a partition was not written');
    });
  }

  async #write(place: PartitionPlace, kept: Kept): Promise<void> {
    const { state } = kept;
    const { owner, namespace, namespaceId, partition } = place;
    await this.#components.store.setState(
      { owner, namespace, namespaceId, partition },
      { version: STATE_VERSION, ...state, replicaSet: [...state.replicaSet] },
    );
    if (kept.state === state) kept.isOnDisk = true;
  }
}
