import { join } from 'node:path';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import {
  type Partitions,
  type RecordAdmission,
  TOMBSTONE_LIFE_MS,
} from '../../../protocols/storage/index.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { Config } from '../../config/schema.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { EventLog } from '../../observability/events.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import type { NamespaceRef, WalletShare } from '../api/interface.ts';
import type { KeptStatus } from '../api/nothing-kept.ts';
import type { BlobFetches } from '../blobs/blob-fetches.ts';
import { liveReferences } from '../blobs/live-references.ts';
import { PublicBlocks } from '../blobs/public-blocks.ts';
import type { BlobRequestHandler } from '../blobs/request-handler.ts';
import type { Repairs } from '../coordinator/repairs.ts';
import { Maintenance } from '../maintenance/service.ts';
import type { Members } from '../placement/members.ts';
import { PartitionStates } from '../placement/partition-states.ts';
import type { IsAuthorisedNow } from '../placement/replica-confirmation.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { Quota, RecordStore } from '../store/interface.ts';
import type { StoreGauges } from '../store/metrics.ts';
import { openRecordStore } from '../store/store.ts';
import type { Sync } from '../sync/sync.ts';
import { Upkeep } from '../sync/upkeep.ts';
import { type ReplicaParts, replicaParts } from './parts.ts';
import { quotaOf } from './quota.ts';
import { Recovery } from './recovery.ts';
import type { Replica } from './replica.ts';
import { WalletUsage } from './wallet-usage.ts';

export interface LocalReplicaComponents {
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly partitions: Partitions;
  readonly admission: RecordAdmission;
  readonly isAuthorisedNow: IsAuthorisedNow;
  readonly blobs: LocalBlobs;
  readonly blobRequests: BlobRequestHandler;
  readonly fetches: BlobFetches;
  readonly repairs: Repairs;
  readonly metrics: StorageServiceMetrics;
  readonly ask: RequestPeer;
  /** Terms of a namespace at this node. */
  readonly termsOf: (namespace: NamespaceRef) => Terms;
  /** DID of this node's operator. */
  readonly operator: string;
  /** Whether its policy lets anyone read it. */
  readonly isOpen: (namespace: NamespaceRef) => boolean;
  readonly events: EventLog;
  /** The database was damaged and set aside. */
  readonly onReset: (reason: string) => void;
}

export interface LocalReplicaInit {
  readonly config: Config;
  /** Peer id of this node. */
  readonly self: string;
  /** Storage service's directory. */
  readonly directory: string;
}

/** Share of the node's capacity for all namespaces without a sponsor together. */
const UNSPONSORED_SHARE = 0.1;
/** Used share of a node's capacity above which it drops extra copies of its operator's data (others are the replicas). */
const OWN_COPIES_SHARE = 0.5;
/** Namespaces that the status shows. */
const NAMESPACES_SHOWN = 100;

/** Local replica of a full node: its store, its answers to peers, and its upkeep. */
export class LocalReplica {
  readonly publicBlocks: PublicBlocks;
  /** Follows a node that was restored until it has reconciled. */
  readonly recovery: Recovery;
  readonly #components: LocalReplicaComponents;
  readonly #store: RecordStore;
  readonly #wallets: WalletUsage;
  readonly #states: PartitionStates;
  readonly #parts: ReplicaParts;
  readonly #upkeep: Upkeep;
  readonly #config: Config;
  readonly maintenance: Maintenance;
  #endListening: (() => void) | null = null;

  /** Opens the store. */
  constructor(components: LocalReplicaComponents, { config, self, directory }: LocalReplicaInit) {
    this.#components = components;
    this.#config = config;
    const { clock, crypto, logger, places, members } = components;
    this.#store = openRecordStore(
      { clock, crypto, logger },
      {
        directory: join(directory, 'records'),
        keyPath: join(config.data, 'storage.key'),
        // records and blobs share the room
        capacityBytes: () => config['storage.capacityBytes'] - components.blobs.usedBytes,
        unsponsoredBytes: Math.floor(config['storage.capacityBytes'] * UNSPONSORED_SHARE),
        quotaOf: (place) => {
          const { bytes, isSponsored, keys } = this.#quotaOf(place, place.namespaceId);
          return {
            keys,
            bytes: bytes - components.blobs.namespaceBytes(place.namespaceId),
            // what was promised stays so, whoever sponsors it now
            isSponsored: isSponsored || this.#states.isPromised(place),
          };
        },
        onReset: (reason) => this.#wasReset(reason),
      },
    );
    const store = this.#store;
    this.#wallets = new WalletUsage({ ...components, store });
    const onDue = (partition: Parameters<Sync['request']>[0]): void => this.#parts.sync.request(partition);
    this.#states = new PartitionStates({ store, members, places, logger, onDue });
    const own = { ...components, store, states: this.#states };
    this.#parts = replicaParts(
      {
        ...own,
        onReady: () => this.#scheduleNow(),
        onCorrupt: (partition, key) =>
          components.repairs.mend({ store, blobs: this.#parts.blobs }, partition, key),
      },
      {
        self,
        operator: components.operator,
        downTimeoutMs: config['storage.downTimeoutMs'],
        bytesPerSecond: config['storage.upkeepBytesPerSecond'],
      },
    );
    const mayKeep = ({ owner }: NamespaceRef): boolean => owner === components.operator && this.#hasRoom();
    this.#upkeep = new Upkeep(
      { ...own, ...this.#parts, mayKeep },
      { self, replicas: config['storage.replicas'] },
    );
    this.publicBlocks = new PublicBlocks({
      blobs: components.blobs,
      nameOf: (namespaceId) => store.totals(namespaceId),
      isLive: liveReferences(own),
      isOpen: components.isOpen,
    });
    this.maintenance = this.#makeMaintenance({ config, self, directory });
    this.recovery = new Recovery(own, { data: config.data });
  }

  /** `awayMs`: how long this node was away. */
  async start(awayMs: number): Promise<void> {
    if (awayMs > this.#config['storage.downTimeoutMs'])
      await this.#states.distrustAll({ isStale: awayMs > TOMBSTONE_LIFE_MS });
    this.#parts.absentees.start();
    this.#parts.joiner.start();
    this.#parts.sync.start();
    this.#upkeep.start();
    this.#parts.blobs.start();
    this.maintenance.start();
    this.recovery.start();
    this.#endListening ??= this.#components.members.onChange(() => this.#scheduleNow());
  }

  /** Whether so little of the capacity is used that this node keeps extra copies of its operator's data. */
  #hasRoom(): boolean {
    const used = this.#store.usage().bytes + this.#components.blobs.usedBytes;
    return used < this.#config['storage.capacityBytes'] * OWN_COPIES_SHARE;
  }

  #scheduleNow(): void {
    this.#upkeep.scheduleNow();
    this.#parts.sync.scheduleNow();
  }

  /** Writes everything still queued. */
  async stop(): Promise<void> {
    this.#endListening?.();
    this.#endListening = null;
    this.recovery.stop();
    this.#upkeep.stop();
    this.#parts.joiner.stop();
    this.#parts.sync.stop();
    this.#parts.absentees.stop();
    // what maintenance waits for may be a blob that comes from somebody who hangs
    this.#parts.blobs.stop();
    await this.maintenance.stop();
    await this.#store.close();
  }

  get replica(): Replica {
    return this.#parts.replica;
  }

  get status(): KeptStatus {
    const { bytes, keys, freeBytes } = this.#store.usage();
    const { namespaces } = this.#store.namespaces({ after: null, limit: NAMESPACES_SHOWN });
    return {
      bytes,
      records: keys,
      freeBytes,
      partitions: { ...this.#upkeep.shares },
      namespaces: namespaces.map(({ namespaceId, owner, namespace, keys: count, bytes: size }) => {
        const blobBytes = this.#components.blobs.namespaceBytes(namespaceId);
        const availableBytes = Math.max(0, (this.blobQuotaOf(namespaceId) ?? 0) - blobBytes);
        return { owner, namespace, keys: count, bytes: size, blobBytes, availableBytes };
      }),
    };
  }

  get store(): StoreGauges {
    return this.#store;
  }

  get fault(): string | null {
    try {
      const { freeBytes } = this.#store.usage();
      return freeBytes > 0 ? null : 'the disk is full: records are read and not written';
    } catch (error) {
      return `the store cannot be read: ${errorMessage(error)}`;
    }
  }

  /** The names of a namespace of which something is held. */
  namesOf(namespaceId: Uint8Array): NamespaceRef | null {
    return this.#store.totals(namespaceId);
  }

  /** Bytes of records in the capacity they share with blobs. */
  get recordBytes(): number {
    return this.#store.usage().bytes;
  }

  /** Blob bytes a namespace may refer to; null for a namespace unknown here. */
  blobQuotaOf(namespaceId: Uint8Array): number | null {
    const totals = this.#store.totals(namespaceId);
    // the blob of its first record comes before that
    const names = totals ?? this.#components.partitions.namesOf(namespaceId);
    if (names === null) return null;
    return this.#quotaOf(names, namespaceId).bytes - (totals?.bytes ?? 0);
  }

  /** Usage of this node by each wallet. */
  walletShares(): readonly WalletShare[] {
    return this.#wallets.all();
  }

  #quotaOf(names: NamespaceRef, namespaceId: Uint8Array): Quota {
    const beside = (wallet: string): number => this.#wallets.bytesBeside(wallet, namespaceId);
    return quotaOf(this.#components.termsOf(names), this.#config, beside);
  }

  #makeMaintenance({ config, self, directory }: LocalReplicaInit): Maintenance {
    const { members, repairs, blobs } = this.#components;
    const store = this.#store;
    const replicas = config['storage.replicas'];
    return new Maintenance(
      {
        ...this.#components,
        store,
        mend: (partition, key) => repairs.mendNow({ store, blobs: this.#parts.blobs }, partition, key),
        hasOthers: () => replicas > 1 && members.list.some(({ id }) => id !== self && members.isLive(id)),
        sweepBlobs: async () => void (await this.#parts.blobs.sweep({ isThorough: true })),
        takeBlob: async ({ namespaceId }, { key, ms, counter, digest }, link, getBlock, signal) => {
          await blobs.store().fetch(link, { namespaceId, getBlock, isHashed: true, signal });
          blobs.store().hold({ namespaceId, key, stamp: { ms, counter, digest } }, link.cid);
        },
        keep: async (place, record) => {
          this.#states.of(place);
          const put = store.put({ place, record, condition: null, isRepair: true });
          const [outcome] = await Promise.all([put, this.#states.keep(place)]);
          return outcome;
        },
        scheduleNow: () => this.#upkeep.scheduleNow(),
      },
      {
        swarm: config.swarm,
        directory,
        scrubEveryMs: config['storage.scrubEveryMs'],
        scrubBytesPerSecond: config['storage.scrubBytesPerSecond'],
      },
    );
  }

  #wasReset(reason: string): void {
    this.#components.onReset(reason);
    // null while the store is being opened: nothing is known yet then
    (this.#states as PartitionStates | undefined)?.forget();
  }
}
