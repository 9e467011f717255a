import { join } from 'node:path';
import type { PeerId } from '@libp2p/interface';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import {
  type Answers,
  HybridClock,
  Partitions,
  RecordAdmission,
  RecordSigner,
  type RequestOf,
  RequestQuotas,
  type RequestType,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import { BlobExchange } from '../blobs/exchange.ts';
import type { Upload } from '../blobs/interface.ts';
import { LocalBlobs } from '../blobs/local-blobs.ts';
import type { Probe } from '../core/probe.ts';
import { GRAYLISTED_SCORE } from '../network/gossip.ts';
import { createStorageServiceMetrics, type StorageServiceMetrics } from './api/counters.ts';
import type {
  BeginOptions,
  Consistency,
  DeleteOptions,
  Durability,
  ListPage,
  ListRequest,
  NamespaceRef,
  PutOptions,
  RecordName,
  RecoveryStatus,
  Storage,
  StorageStatus,
  StoredRecord,
  WalletShare,
  Where,
  WriteReceipt,
} from './api/interface.ts';
import { DEADLINE_MS } from './api/limits.ts';
import { explainRestored, notResponsible } from './api/refusals.ts';
import { BlobFetches } from './blobs/blob-fetches.ts';
import { BlobSource } from './blobs/blob-source.ts';
import type { PublicBlocks } from './blobs/public-blocks.ts';
import { BlobRequestHandler, isBlobQuestion } from './blobs/request-handler.ts';
import { BlobReplicator } from './coordinator/blob-replicator.ts';
import { Coordinator } from './coordinator/coordinator.ts';
import { Refresher } from './coordinator/refresher.ts';
import { Repairs } from './coordinator/repairs.ts';
import { ValueWriter } from './coordinator/value-writer.ts';
import type { Maintenance } from './maintenance/service.ts';
import { addressesOf } from './placement/addresses.ts';
import type { Members } from './placement/members.ts';
import type { IsAuthorisedNow } from './placement/replica-confirmation.ts';
import type { ReplicaPlacement } from './placement/replica-placement.ts';
import { StoragePeers } from './placement/storage-peers.ts';
import { createMembers, createPlaces } from './placement/swarm-view.ts';
import { probeStorage } from './probe.ts';
import { blobQuotaOf, usageOf } from './replica/capacity.ts';
import type { LocalReplica } from './replica/local-replica.ts';
import { RpcClient } from './rpc/client.ts';
import { RpcServer } from './rpc/server.ts';
import type { StorageServiceComponents, StorageServiceInit } from './service-init.ts';
import type { StoreGauges } from './store/metrics.ts';

/** Where the service's files are in the data directory. */
const DIRECTORY = 'storage';

/** Storage of a node: its clients' requests go out to the replicas; a full node is a replica itself, of what falls to it. */
export class StorageService implements Storage {
  readonly metrics: StorageServiceMetrics = createStorageServiceMetrics();
  readonly others: StoragePeers;
  readonly #components: StorageServiceComponents;
  readonly #init: StorageServiceInit;
  readonly #self: string;
  readonly #members: Members;
  readonly #admission: RecordAdmission;
  readonly #wire: RpcClient;
  readonly #coordinator: Coordinator;
  readonly #repairs: Repairs;
  /** Null where nothing is kept: in a light node, or with storage turned off. */
  readonly #keeper: LocalReplica | null;
  /** A light node has one, too: for what is on its way through it. */
  readonly #blobs: LocalBlobs;
  readonly #blobRequests: BlobRequestHandler;
  readonly #server: RpcServer;
  readonly #values: ValueWriter;
  #isRunning = false;

  /** Opens the store. Throws `bad_storage_key`, `storage_version`. */
  constructor(components: StorageServiceComponents, init: StorageServiceInit) {
    const { network, directory, crypto, clock, identity } = components;
    const { config } = init;
    const { metrics } = this;
    this.#components = components;
    this.#init = init;
    this.#self = identity.peerId;
    const keeps = components.LocalReplica !== null;
    this.#wire = new RpcClient({ network, addressesOf: (id) => addressesOf(directory, id) });
    const dial = (id: string): Promise<void> => this.#wire.connect(id);
    this.#members = createMembers(
      { ...components, dial },
      { ...init, keeps, path: join(config.data, DIRECTORY, 'members') },
    );
    this.others = new StoragePeers({ members: this.#members, wire: this.#wire }, { self: this.#self });
    const partitions = new Partitions({ crypto }, { swarm: config.swarm });
    const namesOf = (id: Uint8Array): NamespaceRef | null => {
      return partitions.namesOf(id) ?? this.#keeper?.namesOf(id) ?? null;
    };
    const places = createPlaces(
      { ...components, members: this.#members, namesOf },
      { config, self: this.#self },
    );
    const { authorise, isAuthorisedNow } = components;
    this.#admission = new RecordAdmission(
      { crypto, clock, partitions, authorise, metrics },
      { swarm: config.swarm },
    );
    this.#repairs = new Repairs({
      clock,
      metrics,
      logger: components.logger,
      ask: this.#ask,
      read: (...call) => this.#coordinator.reread(...call),
    });
    this.#blobs = this.#makeBlobs(partitions);
    const isPublic = (cid: Uint8Array): boolean => this.publicBlocks?.has(cid) ?? false;
    this.#blobRequests = new BlobRequestHandler({ blobs: this.#blobs, isPublic });
    const onLie = (): void => {
      metrics.liesFound += 1;
    };
    const exchange = new BlobExchange({ crypto, ask: this.#ask, onLie });
    const own = { crypto, clock, partitions, places, metrics, isAuthorisedNow, admission: this.#admission };
    const shared = { ...own, blobs: this.#blobs, exchange };
    this.#keeper = this.#makeKeeper(shared);
    this.#coordinator = this.#makeCoordinator(shared);
    const spreader = new BlobReplicator({ places, clock, ask: this.#ask });
    this.#values = new ValueWriter({ ...shared, coordinator: this.#coordinator, spreader });
    const quotas = new RequestQuotas({ clock });
    const answer = (request: StorageRequest, peer: string) => this.#answer(request, peer);
    this.#server = new RpcServer({ ...components, ...own, quotas, answer });
  }

  /** Sources of the store's metrics; null where nothing is stored. */
  get store(): StoreGauges | null {
    return this.#keeper?.store ?? null;
  }

  /** Blocks of this node that anyone may read; null where nothing is stored. */
  get publicBlocks(): PublicBlocks | null {
    return this.#keeper?.publicBlocks ?? null;
  }

  get blobs(): LocalBlobs {
    return this.#blobs;
  }

  /** Whether this node has its share of what its operator sponsors; it counts as a replica only then. */
  get isReady(): boolean {
    return this.#members.isReady;
  }

  /** How far a node that was restored has come; null of all others. */
  get recovery(): RecoveryStatus | null {
    return this.#keeper?.recovery.status ?? null;
  }

  get maintenance(): Maintenance | null {
    return this.#keeper?.maintenance ?? null;
  }

  /** `probe` reports whatever does not work. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { network } = this.#components;
    network.addEventListener('peer:connect', this.#onConnect);
    network.addEventListener('peer:disconnect', this.#onDisconnect);
    this.#values.start();
    this.#wire.start();
    await this.#keeper?.start(this.#members.awayMs);
    await this.#server.start();
    this.#blobs.start();
    this.#members.start();
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) {
      await this.#keeper?.stop();
      await this.#blobs.close();
      return;
    }
    this.#isRunning = false;
    const { network } = this.#components;
    network.removeEventListener('peer:connect', this.#onConnect);
    network.removeEventListener('peer:disconnect', this.#onDisconnect);
    this.#values.stop();
    this.#members.stop();
    this.#repairs.stop();
    this.#wire.stop();
    await this.#server.stop();
    await this.#keeper?.stop();
    await this.#blobs.close();
  }

  put(
    name: RecordName,
    value: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<WriteReceipt> {
    return this.#values.put(name, value, options).catch(this.#explain);
  }

  putBlob(name: RecordName, link: BlobLink, options: PutOptions = {}): Promise<WriteReceipt> {
    return this.#values.putBlob(name, link, options).catch(this.#explain);
  }

  beginUpload(namespace: NamespaceRef, options: BeginOptions = {}): Promise<Upload> {
    return this.#values.begin(namespace, options);
  }

  resumeUpload(namespace: NamespaceRef, id: string): Upload {
    return this.#values.resume(namespace, id);
  }

  submitSigned(bytes: Uint8Array, options: { readonly durability?: Durability } = {}): Promise<WriteReceipt> {
    return this.#values.submitSigned(bytes, options.durability ?? 'majority').catch(this.#explain);
  }

  get(name: RecordName, options: { readonly consistency?: Consistency } = {}): Promise<StoredRecord | null> {
    return this.#coordinator.get(name, options.consistency).catch(this.#explain);
  }

  delete(name: RecordName, options: DeleteOptions = {}): Promise<WriteReceipt> {
    return this.#coordinator.delete(name, options).catch(this.#explain);
  }

  list(request: ListRequest): Promise<ListPage> {
    return this.#coordinator.list(request).catch(this.#explain);
  }

  where(name: RecordName): Promise<Where> {
    return this.#coordinator.where(name);
  }

  status(): StorageStatus {
    const { config } = this.#init;
    return {
      ...usageOf(this.#keeper, this.#blobs.usage(), config),
      members: this.#members.size,
      fellows: this.#members.fellows.map(({ id, isLive }) => ({ id, isLive })),
      isReady: this.#members.isReady,
      replicas: config['storage.replicas'],
    };
  }

  walletShares(): readonly WalletShare[] {
    return this.#keeper?.walletShares() ?? [];
  }

  /** Why this node's store cannot be used now; null when it can, or when the node has no store. */
  get fault(): string | null {
    return this.#keeper?.fault ?? null;
  }

  probe(): readonly Probe[] {
    return probeStorage(this, this.#components.operatorFault());
  }

  /** This service's part of a peer's gossip score. */
  scoreOf(peer: string): number {
    return this.#admission.isGraylisted(peer) ? GRAYLISTED_SCORE : 0;
  }

  readonly #explain = (error: unknown): never => {
    throw explainRestored(error, this.recovery);
  };

  readonly #onConnect = ({ detail }: CustomEvent<PeerId>): void => this.#members.connected(detail);
  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => this.#members.disconnected(detail);

  /** The answer of a node: this one's own without the wire. */
  readonly #ask = async <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ): Promise<Answers[T]> => {
    if (id !== this.#self) return this.#wire.request(id, request, signal);
    return (await this.#answer(request as StorageRequest, id)) as Answers[T];
  };

  /** Answers requests of peers and of this node itself. */
  async #answer(request: StorageRequest, peer: string): Promise<Answers[RequestType]> {
    if (isBlobQuestion(request)) return this.#blobRequests.answer(request);
    if (this.#keeper === null) throw notResponsible();
    return this.#keeper.replica.answer(request, peer);
  }

  #makeBlobs(partitions: Partitions): LocalBlobs {
    const { clock, crypto, logger, termsOf } = this.#components;
    const { config } = this.#init;
    return new LocalBlobs(
      { clock, crypto, logger },
      {
        directory: join(config.data, DIRECTORY, 'blobs'),
        keyPath: join(config.data, 'storage.key'),
        // records and blobs share the room
        capacityBytes: () => config['storage.capacityBytes'] - (this.#keeper?.recordBytes ?? 0),
        quotaOf: (id) => blobQuotaOf({ keeper: this.#keeper, partitions, termsOf }, id, config),
        uploadLifeMs: config['storage.uploadLifeMs'],
      },
    );
  }

  #makeKeeper(shared: Shared): LocalReplica | null {
    const { logger, events, operator, termsOf, isOpen, LocalReplica } = this.#components;
    const { config } = this.#init;
    if (LocalReplica === null) return null;
    return new LocalReplica(
      {
        ...shared,
        logger,
        events,
        members: this.#members,
        blobRequests: this.#blobRequests,
        fetches: new BlobFetches(shared),
        repairs: this.#repairs,
        ask: this.#ask,
        operator,
        termsOf,
        isOpen,
        onReset: (reason) => events.report('storage_damaged', { reason }),
      },
      { config, self: this.#self, directory: join(config.data, DIRECTORY) },
    );
  }

  #makeCoordinator(shared: Shared): Coordinator {
    const { clock, crypto, directory, identity, credentials } = this.#components;
    const { config } = this.#init;
    const swarm = config.swarm;
    const refresher = new Refresher({ clock, directory });
    return new Coordinator(
      {
        ...shared,
        signer: new RecordSigner({ crypto, signer: identity.signer }, { swarm }),
        credentials,
        versions: new HybridClock({ clock }),
        source: new BlobSource(shared, { self: this.#self }),
        ask: this.#ask,
        isConnected: (id) => id === this.#self || this.#wire.isConnected(id),
        connect: (id) => this.#wire.connect(id),
        onOtherView: (id) => {
          if (id !== this.#self) refresher.refresh(id);
        },
        repair: (record, ids) => this.#repairs.give(record, ids),
      },
      { self: this.#self, replicas: config['storage.replicas'], deadlineMs: DEADLINE_MS },
    );
  }
}

/** Components shared by the parts of the service. */
interface Shared {
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly partitions: Partitions;
  readonly places: ReplicaPlacement;
  readonly metrics: StorageServiceMetrics;
  readonly admission: RecordAdmission;
  readonly isAuthorisedNow: IsAuthorisedNow;
  readonly blobs: LocalBlobs;
  readonly exchange: BlobExchange;
}
