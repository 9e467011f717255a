import { join } from 'node:path';
import type { LocalBlobs } from '../../../node/blobs/local-blobs.ts';
import type { Credentials } from '../../../node/identity/credentials.ts';
import { createStorageServiceMetrics } from '../../../node/storage/api/counters.ts';
import type { NamespaceRef } from '../../../node/storage/api/interface.ts';
import { DEADLINE_MS } from '../../../node/storage/api/limits.ts';
import type { BlobFetches } from '../../../node/storage/blobs/blob-fetches.ts';
import type { BlobSource } from '../../../node/storage/blobs/blob-source.ts';
import type { BlobRequestHandler } from '../../../node/storage/blobs/request-handler.ts';
import { Coordinator } from '../../../node/storage/coordinator/coordinator.ts';
import { Refresher } from '../../../node/storage/coordinator/refresher.ts';
import { Repairs } from '../../../node/storage/coordinator/repairs.ts';
import { Members } from '../../../node/storage/placement/members.ts';
import type { Offer } from '../../../node/storage/placement/offers.ts';
import {
  PartitionStates,
  type PartitionStatesComponents,
} from '../../../node/storage/placement/partition-states.ts';
import { ReplicaPlacement, type Sponsors } from '../../../node/storage/placement/replica-placement.ts';
import { type ReplicaParts, replicaParts } from '../../../node/storage/replica/parts.ts';
import { Upkeep, type UpkeepComponents } from '../../../node/storage/sync/upkeep.ts';
import { sleep } from '../../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  HybridClock,
  Partitions,
  RecordAdmission,
  RecordSigner,
  ReplicaError,
  type RequestOf,
  RequestQuotas,
  type RequestType,
  type StorageRequest,
  TOMBSTONE_LIFE_MS,
} from '../../../protocols/storage/index.ts';
import type { RowChange } from '../../support/memory-disk.ts';
import { MemoryStore, type MemoryStoreComponents, type MemoryStoreInit } from '../../support/memory-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import type { Random } from '../storage/random.ts';
import type { Machine } from './machine.ts';
import type { Net } from './net.ts';
import { NodeClock, type WorldTime } from './node-clock.ts';

export const SWARM = 'simulation';
export const REPLICAS = 3;
/** As by default. */
export const DOWN_TIMEOUT_MS = 10 * 60_000;
const BYTES_PER_SECOND = 64 * 2 ** 20;
const SYNC_MAX_MS = 15;
const DISCOVER_MS = 1_000;
const logger = silentLogger();

/** Parts that are made otherwise where a fault is planted: to see that the simulation finds it. */
export interface Plant {
  readonly store?: (components: MemoryStoreComponents, init: MemoryStoreInit) => MemoryStore;
  readonly states?: (components: PartitionStatesComponents) => PartitionStates;
  readonly upkeep?: (components: UpkeepComponents) => UpkeepComponents;
}

export interface SimNodeComponents {
  readonly machine: Machine;
  readonly time: WorldTime;
  readonly net: Net;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly signer: Ed25519Signer;
  readonly onChange: (node: SimNode, change: RowChange) => void;
  readonly plant: Plant;
}

/** One process of a node: the shipped classes of storage, wired as `service.ts` and `keeper.ts` do. */
export class SimNode {
  readonly id: string;
  readonly machine: Machine;
  readonly clock: NodeClock;
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  readonly coordinator: Coordinator;
  readonly metrics = createStorageServiceMetrics();
  readonly startedAt: number;
  #readyAt: number;
  readonly partitions: Partitions;
  readonly #components: SimNodeComponents;
  readonly #store: MemoryStore;
  readonly #quotas: RequestQuotas;
  readonly #parts: ReplicaParts;
  readonly #upkeep: Upkeep;
  readonly #repairs: Repairs;
  /** Offers that its directory received. */
  readonly #offers = new Map<string, Offer>();

  constructor(components: SimNodeComponents) {
    const { machine, time, crypto, plant } = components;
    this.#components = components;
    this.machine = machine;
    this.id = machine.id;
    this.clock = new NodeClock(time, () => machine.clockOffsetMs);
    this.startedAt = time.clock.now();
    this.#readyAt = this.startedAt;
    const { clock, metrics } = this;
    const makeStore = plant.store ?? ((...made) => new MemoryStore(...made));
    this.#store = makeStore(
      { clock, disk: machine.disk },
      {
        quotaOf: (place) => {
          const isSponsored = this.isSponsor(place) || this.states.isPromised(place);
          return { bytes: Infinity, keys: Infinity, isSponsored };
        },
        sync: () => this.#fsync(),
        onChange: (change) => components.onChange(this, change),
      },
    );
    this.members = this.#makeMembers();
    const self = this.id;
    this.places = new ReplicaPlacement(
      { members: this.members, crypto, sponsors: this.#sponsors, namesOf: (id) => this.#namesOf(id) },
      { self, replicas: REPLICAS, distinctPrefixes: true },
    );
    this.partitions = new Partitions({ crypto }, { swarm: SWARM });
    const admission = new RecordAdmission(
      { crypto, clock, partitions: this.partitions, metrics, authorise: () => undefined },
      { swarm: SWARM },
    );
    this.#quotas = new RequestQuotas({ clock });
    const shared = { ...this.#shared, admission };
    this.#repairs = new Repairs({ ...shared, read: (...call) => this.coordinator.reread(...call) });
    const makeStandings = plant.states ?? ((made) => new PartitionStates(made));
    this.states = makeStandings({
      ...shared,
      onDue: (partition) => this.#parts.sync.request(partition),
    });
    const own = { ...shared, states: this.states };
    const { operator } = machine;
    this.#parts = replicaParts(
      {
        ...own,
        fetches: {} as BlobFetches,
        onReady: () => this.#ready(),
        onCorrupt: () => undefined,
      },
      { self, operator, downTimeoutMs: DOWN_TIMEOUT_MS, bytesPerSecond: BYTES_PER_SECOND },
    );
    const mayKeep = ({ owner }: { readonly owner: string }): boolean => owner === operator;
    const upkeep = { ...own, ...this.#parts, mayKeep };
    this.#upkeep = new Upkeep(plant.upkeep?.(upkeep) ?? upkeep, { self, replicas: REPLICAS });
    this.coordinator = this.#makeCoordinator(admission);
  }

  /** Since when it counts as a replica: since it started, unless it had to copy its share first. */
  get readyAt(): number {
    return this.#readyAt;
  }

  get isDead(): boolean {
    return this.clock.isDead;
  }

  /** Whether the operator keeps what `owner` holds, and was chosen for it, as this node knows. */
  isSponsor({ owner }: { readonly owner: string }): boolean {
    return this.machine.sponsorsOf(owner).has(this.machine.operator);
  }

  async start(): Promise<void> {
    const { awayMs } = this.members;
    this.#components.net.up(this);
    if (awayMs > DOWN_TIMEOUT_MS) await this.states.distrustAll({ isStale: awayMs > TOMBSTONE_LIFE_MS });
    this.#parts.absentees.start();
    this.#parts.joiner.start();
    this.#parts.sync.start();
    this.#upkeep.start();
    this.members.onChange(() => this.#scheduleNow());
    this.members.start();
    this.clock.setInterval(() => this.#discover(), DISCOVER_MS);
  }

  /** As a process that is asked to. */
  stop(): void {
    this.members.stop();
    this.#repairs.stop();
    this.#upkeep.stop();
    this.#parts.joiner.stop();
    this.#parts.sync.stop();
    this.#parts.absentees.stop();
    this.kill(false);
  }

  /** As one that is killed: nothing is written any more. */
  kill(isSilent: boolean): void {
    this.#components.net.down(this.id, isSilent);
    this.clock.kill();
    void this.#store.close();
  }

  /** Serves a peer as `WireServer` does. */
  async serve(request: StorageRequest, peer: string): Promise<Answers[RequestType]> {
    if (!this.#quotas.take(peer, request.type)) throw new ReplicaError('rate_limited', 'too many requests');
    return this.#parts.replica.answer(request, peer);
  }

  /** Its directory's knowledge of sponsors. */
  get #sponsors(): Sponsors {
    const { machine } = this;
    return {
      of: ({ owner }) => [machine.sponsorsOf(owner)],
      get version() {
        return machine.noticesVersion;
      },
    };
  }

  #namesOf(namespaceId: Uint8Array): NamespaceRef | null {
    return this.partitions.namesOf(namespaceId) ?? this.#store.totals(namespaceId);
  }

  #ready(): void {
    this.#readyAt = this.#components.time.clock.now();
    this.#scheduleNow();
  }

  #scheduleNow(): void {
    this.#upkeep.scheduleNow();
    this.#parts.sync.scheduleNow();
  }

  get #shared() {
    const { crypto } = this.#components;
    return {
      crypto,
      clock: this.clock,
      logger,
      members: this.members,
      places: this.places,
      partitions: this.partitions,
      store: this.#store,
      metrics: this.metrics,
      ask: this.#ask,
      isAuthorisedNow: () => Promise.resolve(true),
      blobs: { opened: null } as unknown as LocalBlobs,
      blobRequests: {} as BlobRequestHandler,
    };
  }

  readonly #ask = async <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ): Promise<Answers[T]> => {
    if (id !== this.id) return this.#components.net.request(this, id, request, signal);
    return this.#parts.replica.answer(request, id);
  };

  #makeMembers(): Members {
    const { machine, net, crypto } = this.#components;
    return new Members(
      {
        clock: this.clock,
        crypto,
        logger,
        offers: () => this.#offers.values(),
        isConnected: (id) => net.isConnected(this.id, id),
        ownPrefix: () => machine.prefix,
        dial: (id) => net.connect(this, id),
        revocations: { version: 0, isRevoked: () => false },
      },
      {
        path: join(machine.directory, 'members'),
        self: this.id,
        operator: machine.operator,
        downTimeoutMs: DOWN_TIMEOUT_MS,
        mayBeAlone: machine.bootstrap.length === 0,
      },
    );
  }

  #makeCoordinator(admission: RecordAdmission): Coordinator {
    const { net, crypto, signer } = this.#components;
    const directory = { refresh: () => this.#learn() };
    const refresher = new Refresher({ clock: this.clock, directory });
    return new Coordinator(
      {
        ...this.#shared,
        admission,
        signer: new RecordSigner({ crypto, signer }, { swarm: SWARM }),
        credentials: { chainFor: () => Promise.resolve([]) } as unknown as Credentials,
        versions: new HybridClock({ clock: this.clock }),
        source: {} as BlobSource,
        isConnected: (id) => id === this.id || net.isConnected(this.id, id),
        connect: (id) => net.connect(this, id),
        onOtherView: (id) => {
          if (id !== this.id) refresher.refresh(id);
        },
        repair: (record, ids) => this.#repairs.give(record, ids),
      },
      { self: this.id, replicas: REPLICAS, deadlineMs: DEADLINE_MS },
    );
  }

  /** Dials whom it knows of, and takes note of who is there. */
  #discover(): void {
    const { net, machine, random } = this.#components;
    for (const id of machine.book) {
      if (id === this.id || net.isConnected(this.id, id) || random.below(2) === 0) continue;
      net.connect(this, id).catch(() => undefined);
    }
    this.#learn();
  }

  /** Learns the announcements that connected peers exchange. */
  #learn(): void {
    const { net, machine } = this.#components;
    const lastSeen = this.clock.now();
    for (const peer of net.peersOf(this.id)) {
      if (!net.isReachable(this.id, peer.id)) continue;
      machine.book.add(peer.id);
      for (const id of peer.machine.book) machine.book.add(id);
      for (const [owner, notice] of peer.machine.notices) machine.hear(owner, notice);
      const { operator, prefix } = peer.machine;
      const { isReady } = peer.members;
      this.#offers.set(peer.id, { id: peer.id, prefix, lastSeen, operator, isReady });
    }
  }

  async #fsync(): Promise<void> {
    await sleep(this.clock, this.#components.random.below(SYNC_MAX_MS));
    if (this.isDead) throw new CodedError('closed', 'the process has died');
  }
}
