import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import type { PartitionId, Partitions, RecordAdmission } from '../../../protocols/storage/index.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import type { BlobFetches } from '../blobs/blob-fetches.ts';
import { BlobRetention } from '../blobs/blob-retention.ts';
import type { BlobRequestHandler } from '../blobs/request-handler.ts';
import { DownMembers } from '../placement/down-members.ts';
import type { Members } from '../placement/members.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import { type IsAuthorisedNow, ReplicaConfirmation } from '../placement/replica-confirmation.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { RecordStore } from '../store/interface.ts';
import { Copier } from '../sync/copier.ts';
import { FloorConfirmation } from '../sync/floor-confirmation.ts';
import { Joiner } from '../sync/joiner.ts';
import { Sync } from '../sync/sync.ts';
import { Replica } from './replica.ts';

export interface ReplicaPartsComponents {
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly store: RecordStore;
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  readonly partitions: Partitions;
  readonly admission: RecordAdmission;
  readonly isAuthorisedNow: IsAuthorisedNow;
  readonly blobs: LocalBlobs;
  readonly blobRequests: BlobRequestHandler;
  readonly fetches: BlobFetches;
  readonly metrics: StorageServiceMetrics;
  readonly ask: RequestPeer;
  /** This node counts as a replica from now on. */
  readonly onReady: () => void;
  /** A copy on this node's disk does not open. */
  readonly onCorrupt: (place: PartitionId, key: string) => void;
}

export interface ReplicaPartsInit {
  /** Peer id of this node. */
  readonly self: string;
  /** DID of this node's operator. */
  readonly operator: string;
  /** How long a sponsor may be gone before the others do without it. */
  readonly downTimeoutMs: number;
  /** Rate limit of copying. */
  readonly bytesPerSecond: number;
}

/** The parts that answer as a replica, and those that copy into it. */
export interface ReplicaParts {
  readonly replica: Replica;
  readonly blobs: BlobRetention;
  readonly copier: Copier;
  readonly absentees: DownMembers;
  readonly sync: Sync;
  readonly joiner: Joiner;
}

/** Makes the parts of a replica around its store; nothing runs yet. Nodes, simulations and tests have the same wiring. */
export function replicaParts(
  components: ReplicaPartsComponents,
  { self, operator, downTimeoutMs, bytesPerSecond }: ReplicaPartsInit,
): ReplicaParts {
  const { members } = components;
  const blobs = new BlobRetention(components, { self });
  const endings = new FloorConfirmation(components, { self });
  const witnesses = new ReplicaConfirmation(components, { self });
  const own = { ...components, blobs, witnesses };
  const copier = new Copier({ ...own, endings }, { bytesPerSecond });
  const absentees = new DownMembers(components, { self });
  const sync = new Sync({ ...own, copier, onDisagreement: absentees.doubt });
  const joiner = new Joiner({ ...own, copier }, { operator, downTimeoutMs });
  const replica = new Replica({
    ...own,
    isMember: (peer) => members.isMember(peer),
    gone: () => members.gone,
    copyFrom: (peer, place) => sync.copyFrom(peer, place),
  });
  return { replica, blobs, copier, absentees, sync, joiner };
}
