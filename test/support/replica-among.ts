/** A replica among members that a test makes up: placement and partition states as they are shipped, over a store in memory. */
import { createStorageServiceMetrics } from '../../node/storage/api/counters.ts';
import type { BlobRetention } from '../../node/storage/blobs/blob-retention.ts';
import type { BlobRequestHandler } from '../../node/storage/blobs/request-handler.ts';
import type { Members } from '../../node/storage/placement/members.ts';
import { PartitionStates } from '../../node/storage/placement/partition-states.ts';
import {
  type IsAuthorisedNow,
  ReplicaConfirmation,
} from '../../node/storage/placement/replica-confirmation.ts';
import { ReplicaPlacement } from '../../node/storage/placement/replica-placement.ts';
import { Replica, type ReplicaComponents } from '../../node/storage/replica/replica.ts';
import type { PartitionPlace } from '../../node/storage/store/interface.ts';
import { Copier, type CopierComponents } from '../../node/storage/sync/copier.ts';
import { FloorConfirmation } from '../../node/storage/sync/floor-confirmation.ts';
import {
  type Member,
  type PartitionId,
  Partitions,
  placeOf,
  RecordAdmission,
  type RecordBody,
  type SignedRecord,
} from '../../protocols/storage/index.ts';
import { SWARM } from './envelopes.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryStore } from './memory-store.ts';
import { silentLogger } from './silent-logger.ts';
import { crypto, storable } from './store-records.ts';

/** When its clock begins. */
export const AMONG_AT = 1_000_000_000_000;
const OWNER = 'did:key:zAlice';
const NAMES = { owner: OWNER, namespace: 'kept' };
/** A ready sponsor of the namespace. */
export const READY: Partial<Member> = { operator: OWNER, isReady: true };

/** Every signature holds: records of tests have none. */
const UNSIGNED = { ...crypto, verifyEd25519: () => Promise.resolve(true) };

export const namedPartitions = new Partitions({ crypto }, { swarm: SWARM });
const namespaceId = namedPartitions.namespaceId(NAMES);

export function partitionAt(partition: number): PartitionPlace {
  return { ...NAMES, namespaceId, partition };
}

/** Where keys of the form `keyIn(n)` are. */
export const HERE = partitionAt(3);
const AT = placeOf(crypto, HERE);

/** The key with this number of those in the partition `HERE`. */
export function keyIn(n: number): string {
  for (let found = 0, i = 0; ; i++) {
    const { partition } = namedPartitions.of({ ...NAMES, key: `key ${i}` });
    if (partition === HERE.partition && found++ === n) return `key ${i}`;
  }
}

/** A record of the namespace, written when the clock began unless said otherwise. */
export function recordOf(fields: Partial<RecordBody> & { readonly key: string }): SignedRecord {
  return storable({ ms: AMONG_AT, ...NAMES, ...fields });
}

/** A member at this rank of distance from `HERE`. */
export function member(id: string, rank: number, other: Partial<Member> = {}): Member {
  const kadId = Uint8Array.from(AT);
  kadId[0] = (kadId[0] ?? 0) ^ rank;
  return { id, kadId, prefix: 'loopback', isLive: true, operator: '', isReady: false, ...other };
}

export interface AmongInit {
  readonly clock?: ManualClock;
  readonly disk?: MemoryDisk;
  readonly sync?: () => Promise<void>;
  readonly self?: string;
}

/** It wants three replicas, and alone is a ready sponsor. */
export function replicaAmong({
  clock = new ManualClock(AMONG_AT),
  disk = new MemoryDisk(),
  sync = () => Promise.resolve(),
  self = 'self',
}: AmongInit = {}) {
  const members = { list: [] as Member[], version: 1, size: 0, isSettled: true };
  const sponsors = { of: () => [new Set([OWNER])], version: 1 };
  const places = new ReplicaPlacement(
    { members, crypto, sponsors, namesOf: (id) => namedPartitions.namesOf(id) },
    { self, replicas: 3, distinctPrefixes: false },
  );
  const quotaOf = (place: PartitionPlace) => {
    return { bytes: Infinity, keys: Infinity, isSponsored: places.of(place).isSponsored };
  };
  const store = new MemoryStore({ clock, disk }, { quotaOf, sync });
  const due: number[] = [];
  const listeners: ((partition: PartitionId) => void)[] = [];
  const logger = silentLogger();
  const states = new PartitionStates({
    store,
    places,
    logger,
    members: members as unknown as Members,
    onDue: (partition) => {
      due.push(partition.partition);
      for (const listener of listeners) listener(partition);
    },
  });
  /** From now on these are members, and this node sees it. */
  const become = (...list: readonly Member[]): void => {
    members.list = [...list];
    members.size = list.length;
    members.version += 1;
  };
  become(member(self, 1, READY));
  const metrics = createStorageServiceMetrics();
  return {
    self,
    clock,
    crypto,
    disk,
    store,
    places,
    states,
    logger,
    metrics,
    partitions: namedPartitions,
    members: members as typeof members & Members,
    become,
    /** Partitions that were said to be due. */
    due,
    onDue: (listener: (partition: PartitionId) => void) => void listeners.push(listener),
  };
}

/** Its answers to peers. Signatures are not looked at. */
export function answering(
  among: ReturnType<typeof replicaAmong>,
  components: Partial<ReplicaComponents> = {},
): Replica {
  return new Replica({
    ...among,
    admission: admissionOf(among),
    isMember: () => true,
    gone: () => [],
    witnesses: { vouch: () => Promise.resolve(true) } as Partial<ReplicaConfirmation> as ReplicaConfirmation,
    copyFrom: () => Promise.resolve(),
    blobRequests: {} as BlobRequestHandler,
    blobs: NO_BLOBS,
    onCorrupt: () => undefined,
    ...components,
  });
}

const NO_BLOBS = {
  hold: () => undefined,
  replaced: () => undefined,
  refill: () => Promise.resolve(),
  take: () => Promise.resolve(),
  freeRoom: () => Promise.resolve(false),
} as Partial<BlobRetention> as BlobRetention;

function admissionOf({ clock, metrics }: ReturnType<typeof replicaAmong>): RecordAdmission {
  const components = {
    crypto: UNSIGNED,
    clock,
    partitions: namedPartitions,
    metrics,
    authorise: () => undefined,
  };
  return new RecordAdmission(components, { swarm: SWARM });
}

/** A copier into it, of what `ask` gives. */
export function copying(
  among: ReturnType<typeof replicaAmong>,
  ask: CopierComponents['ask'],
  { isAuthorisedNow = () => Promise.resolve(true), bytesPerSecond = 2 ** 30 }: CopyingInit = {},
): Copier {
  const { clock, places, self } = among;
  const components = {
    ...among,
    ask,
    admission: admissionOf(among),
    blobs: NO_BLOBS,
    endings: new FloorConfirmation({ clock, places, ask }, { self }),
    witnesses: new ReplicaConfirmation({ clock, isAuthorisedNow, ask }, { self }),
  };
  return new Copier(components, { bytesPerSecond });
}

export interface CopyingInit {
  /** Whether the author of a record could sign it now. */
  readonly isAuthorisedNow?: IsAuthorisedNow;
  readonly bytesPerSecond?: number;
}
