import { join } from 'node:path';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import {
  type Answers,
  type AuthoriseRecord,
  HybridClock,
  Partitions,
  RecordAdmission,
  RecordSigner,
  type RequestOf,
  RequestQuotas,
  type RequestType,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import type { RecoveryStatus } from '../backup/interface.ts';
import { BlobExchange } from '../blobs/exchange.ts';
import { BlobHome } from '../blobs/home.ts';
import type { Upload } from '../blobs/interface.ts';
import type { Config } from '../config/schema.ts';
import type { Directory } from '../directory/directory.ts';
import type { Credentials } from '../identity/credentials.ts';
import type { Identity } from '../identity/identity.ts';
import type { Terms } from '../identity/tenancy.ts';
import type { Role } from '../interface.ts';
import type { PublicBlocks } from '../ipfs/public-blocks.ts';
import type { Network } from '../libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import { SHUNNED_SCORE } from '../relay/gossip.ts';
import { addressesOf } from './addresses.ts';
import { BlobDoor, isBlobQuestion } from './blob-door.ts';
import { BlobFetches } from './blob-fetches.ts';
import { BlobSource } from './blob-source.ts';
import { Coordinator } from './coordinator.ts';
import type {
  Consistency,
  DeleteOptions,
  Durability,
  ListPage,
  ListRequest,
  NamespaceRef,
  PutOptions,
  RecordName,
  Storage,
  StorageStatus,
  StoredRecord,
  Where,
  WriteReceipt,
} from './interface.ts';
import { Keeper, NOTHING_KEPT } from './keeper.ts';
import { DEADLINE_MS } from './limits.ts';
import type { Maintenance } from './maintenance/service.ts';
import { Members } from './members.ts';
import { createStorageServiceMetrics, type StorageServiceMetrics } from './metrics.ts';
import { offersOf, prefixOfSelf } from './offers.ts';
import { Others } from './others.ts';
import { Places } from './places.ts';
import { Refresher } from './refresher.ts';
import { notResponsible } from './refusals.ts';
import { Repairs } from './repairs.ts';
import { Spreader } from './spreader.ts';
import type { StoreGauges } from './store/metrics.ts';
import { Values } from './values.ts';
import { Wire } from './wire.ts';
import { WireServer } from './wire-server.ts';
import type { IsCurrent } from './witnesses.ts';

export interface StorageServiceComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly authorise: AuthoriseRecord;
  readonly credentials: Credentials;
  readonly isCurrent: IsCurrent;
  readonly termsOf: (namespace: NamespaceRef) => Terms;
  /** Whether its policy lets anyone read it. */
  readonly isOpen: (namespace: NamespaceRef) => boolean;
  readonly logger: Logger;
  readonly events: EventLog;
}

export interface StorageServiceInit {
  readonly config: Config;
  readonly role: Role;
  readonly splitLoopback: boolean;
}

/** Where the service's files are in the data directory. */
const DIRECTORY = 'storage';

/** Storage of a node: its clients' requests go out to the homes; a full node is a home itself, of what falls to it. */
export class StorageService implements Storage {
  readonly metrics: StorageServiceMetrics = createStorageServiceMetrics();
  readonly others: Others;
  readonly #components: StorageServiceComponents;
  readonly #init: StorageServiceInit;
  readonly #self: string;
  readonly #members: Members;
  readonly #admission: RecordAdmission;
  readonly #wire: Wire;
  readonly #coordinator: Coordinator;
  readonly #repairs: Repairs;
  /** Null where nothing is kept: in a light node, or with storage turned off. */
  readonly #keeper: Keeper | null;
  /** A light node has one, too: for what is on its way through it. */
  readonly #blobs: BlobHome;
  readonly #door: BlobDoor;
  readonly #server: WireServer;
  readonly #values: Values;
  #isRunning = false;

  /** Opens the store. Throws `bad_storage_key`, `storage_version`. */
  constructor(components: StorageServiceComponents, init: StorageServiceInit) {
    const { network, directory, crypto, clock, identity } = components;
    const { config } = init;
    const { metrics } = this;
    this.#components = components;
    this.#init = init;
    this.#self = identity.peerId;
    const keeps = init.role === 'full' && config['storage.enabled'];
    this.#wire = new Wire({ network, addressesOf: (id) => addressesOf(directory, id) });
    this.#members = this.#makeMembers(keeps);
    this.others = new Others({ members: this.#members, wire: this.#wire }, { self: this.#self });
    const places = new Places(
      { members: this.#members, crypto },
      {
        self: this.#self,
        replicas: config['storage.replicas'],
        distinctPrefixes: config['storage.distinctPrefixes'],
      },
    );
    const partitions = new Partitions({ crypto }, { swarm: config.swarm });
    const { authorise, isCurrent } = components;
    this.#admission = new RecordAdmission(
      { crypto, clock, partitions, authorise, metrics },
      { swarm: config.swarm },
    );
    this.#repairs = new Repairs({
      metrics,
      logger: components.logger,
      ask: this.#ask,
      read: (...call) => this.#coordinator.reread(...call),
    });
    this.#blobs = this.#makeBlobs();
    const isPublic = (cid: Uint8Array): boolean => this.publicBlocks?.has(cid) ?? false;
    this.#door = new BlobDoor({ blobs: this.#blobs, isPublic });
    const onLie = (): void => {
      metrics.liesFound += 1;
    };
    const exchange = new BlobExchange({ crypto, ask: this.#ask, onLie });
    const own = { crypto, clock, partitions, places, metrics, isCurrent, admission: this.#admission };
    const shared = { ...own, blobs: this.#blobs, exchange };
    this.#keeper = keeps ? this.#makeKeeper(shared) : null;
    this.#coordinator = this.#makeCoordinator(shared);
    const spreader = new Spreader({ places, ask: this.#ask });
    this.#values = new Values({ ...shared, coordinator: this.#coordinator, spreader });
    const quotas = new RequestQuotas({ clock });
    const answer = (request: StorageRequest, peer: string) => this.#answer(request, peer);
    this.#server = new WireServer({ ...components, ...own, quotas, answer });
  }

  /** What its store counts; null where nothing is kept. */
  get store(): StoreGauges | null {
    return this.#keeper?.store ?? null;
  }

  /** What anyone may have of this node's blobs; null where nothing is kept. */
  get publicBlocks(): PublicBlocks | null {
    return this.#keeper?.publicBlocks ?? null;
  }

  get blobs(): BlobHome {
    return this.#blobs;
  }

  /** How far a node that was restored has come; null of all others. */
  get recovery(): RecoveryStatus | null {
    return this.#keeper?.recovery.status ?? null;
  }

  get maintenance(): Maintenance | null {
    return this.#keeper?.maintenance ?? null;
  }

  /** What is not found to work is said by `probe`. */
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
    return this.#values.put(name, value, options);
  }

  putBlob(name: RecordName, link: BlobLink, options: PutOptions = {}): Promise<WriteReceipt> {
    return this.#values.putBlob(name, link, options);
  }

  beginUpload(namespace: NamespaceRef): Upload {
    return this.#values.begin(namespace);
  }

  resumeUpload(namespace: NamespaceRef, id: string): Upload {
    return this.#values.resume(namespace, id);
  }

  carry(bytes: Uint8Array, options: { readonly durability?: Durability } = {}): Promise<WriteReceipt> {
    return this.#values.carry(bytes, options.durability ?? 'majority');
  }

  get(name: RecordName, options: { readonly consistency?: Consistency } = {}): Promise<StoredRecord | null> {
    return this.#coordinator.get(name, options.consistency);
  }

  delete(name: RecordName, options: DeleteOptions = {}): Promise<WriteReceipt> {
    return this.#coordinator.delete(name, options);
  }

  list(request: ListRequest): Promise<ListPage> {
    return this.#coordinator.list(request);
  }

  where(name: RecordName): Promise<Where> {
    return this.#coordinator.where(name);
  }

  status(): StorageStatus {
    const { config } = this.#init;
    const kept = this.#keeper?.status ?? NOTHING_KEPT;
    return {
      ...kept,
      capacityBytes: this.#keeper === null ? 0 : config['storage.capacityBytes'],
      members: this.#members.size,
      replicas: config['storage.replicas'],
    };
  }

  /** Why this node's store cannot be used now; null when it can, or there is none. */
  get fault(): string | null {
    return this.#keeper?.fault ?? null;
  }

  /** What this service adds to a peer's gossip score. */
  scoreOf(peer: string): number {
    return this.#admission.isShunned(peer) ? SHUNNED_SCORE : 0;
  }

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

  /** What this node answers to peers, and to itself. */
  async #answer(request: StorageRequest, peer: string): Promise<Answers[RequestType]> {
    if (isBlobQuestion(request)) return this.#door.answer(request);
    if (this.#keeper === null) throw notResponsible();
    return this.#keeper.replica.answer(request, peer);
  }

  #makeBlobs(): BlobHome {
    const { clock, crypto, logger } = this.#components;
    const { config } = this.#init;
    return new BlobHome(
      { clock, crypto, logger },
      {
        directory: join(config.data, DIRECTORY, 'blobs'),
        keyPath: join(config.data, 'storage.key'),
        // records and blobs share the room
        capacityBytes: () => config['storage.capacityBytes'] - (this.#keeper?.recordBytes ?? 0),
        quotaOf: (id) => this.#keeper?.blobQuotaOf(id) ?? config['storage.namespaceBytes'],
      },
    );
  }

  #makeMembers(keeps: boolean): Members {
    const { network, directory, crypto, clock, logger } = this.#components;
    const { config, splitLoopback } = this.#init;
    return new Members(
      {
        clock,
        crypto,
        logger,
        offers: () => offersOf(directory.entries),
        isConnected: (id) => network.getConnections(peerIdFromString(id)).length > 0,
        ownPrefix: () => prefixOfSelf(directory.self.addresses, this.#self, splitLoopback),
        dial: (id) => this.#wire.connect(id),
      },
      {
        path: join(config.data, DIRECTORY, 'members'),
        self: keeps ? this.#self : null,
        graceMs: config['storage.graceMs'],
        mayBeAlone: config.bootstrap.length === 0,
      },
    );
  }

  #makeKeeper(shared: Shared): Keeper {
    const { logger, events, termsOf, isOpen } = this.#components;
    const { config } = this.#init;
    return new Keeper(
      {
        ...shared,
        logger,
        events,
        members: this.#members,
        door: this.#door,
        fetches: new BlobFetches(shared),
        repairs: this.#repairs,
        ask: this.#ask,
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

/** What the parts of the service have in common. */
interface Shared {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly partitions: Partitions;
  readonly places: Places;
  readonly metrics: StorageServiceMetrics;
  readonly admission: RecordAdmission;
  readonly isCurrent: IsCurrent;
  readonly blobs: BlobHome;
  readonly exchange: BlobExchange;
}
