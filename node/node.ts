import type { Registry } from 'prom-client';
import { systemClock } from '../protocols/common/clock.ts';
import { CodedError } from '../protocols/common/errors.ts';
import type { Limit } from '../protocols/common/limits.ts';
import { IDENTITY_LIMITS } from '../protocols/identity/index.ts';
import { JOIN_LIMITS } from '../protocols/join/index.ts';
import { NAMESPACES_LIMITS } from '../protocols/namespaces/index.ts';
import { NODES_LIMITS } from '../protocols/nodes/index.ts';
import { RELAY_LIMITS } from '../protocols/relay/index.ts';
import { STORAGE_LIMITS } from '../protocols/storage/index.ts';
import type { BackupOptions, BackupReport } from './backup/interface.ts';
import { BACKUP_LIMITS } from './backup/limits.ts';
import { BLOB_STORE_LIMITS } from './blobs/limits.ts';
import { SETTINGS } from './config/schema.ts';
import type { NodeView } from './directory/interface.ts';
import { verifyWalletProof, type WalletProof } from './identity/wallet-proof.ts';
import { WALLET_LIMITS } from './identity/wallets/limits.ts';
import type { MaillonNode, NodeStatus, Probe } from './interface.ts';
import type { PublicBlobs } from './ipfs/interface.ts';
import { IPFS_LIMITS } from './ipfs/limits.ts';
import type { Members } from './join/interface.ts';
import { MEMBERS_LIMITS } from './join/limits.ts';
import type { Namespaces, SponsorshipView } from './namespaces/interface.ts';
import { isPortRace } from './network/listen.ts';
import { EventLog } from './observability/events.ts';
import type { Logger } from './observability/logger.ts';
import { closeParts, type NodeComponents, type NodeInit, openParts, type Parts, runParts } from './parts.ts';
import type { PeerView } from './peers/interface.ts';
import { meshSizes, viewPeers } from './peers/views.ts';
import { probeNode } from './probe.ts';
import type { Relay } from './relay/interface.ts';
import { createCrypto } from './runtime/crypto.ts';
import type { NamespaceRef, Storage, WalletShare } from './storage/api/interface.ts';
import { STORAGE_SERVICE_LIMITS } from './storage/api/limits.ts';
import type { StorageMaintenance } from './storage/maintenance/interface.ts';
import { MAINTENANCE_LIMITS } from './storage/maintenance/limits.ts';
import { removeRestored } from './storage/replica/restored-file.ts';

/** Makes a node. Nothing is read or opened before `start`. */
export function createNode(components: NodeComponents, init: NodeInit): MaillonNode {
  return new Node(components, init);
}

/** How long `start` waits for the first peers before it goes on without them. */
const JOIN_TIMEOUT_MS = 8_000;
/** Starts that lost a race for a port: of so many nodes that start at once each finds one. */
const START_ATTEMPTS = 10;
/** How often a wait looks again. */
const POLL_MS = 20;

/** A node from outside: starts and stops its parts, and asks them. */
class Node implements MaillonNode {
  readonly relay: Relay;
  readonly storage: Storage;
  readonly namespaces: Namespaces;
  readonly publicBlobs: PublicBlobs;
  readonly #logger: Logger;
  readonly #events: EventLog;
  readonly #registry: Registry | null;
  readonly #init: NodeInit;
  readonly #crypto = createCrypto();
  #parts: Parts | null = null;
  #transition: Promise<void> = Promise.resolve();
  /** Ends the wait for the first peers when the node is stopped meanwhile. */
  #joining = new AbortController();

  constructor(components: NodeComponents, init: NodeInit) {
    this.#logger = components.logger;
    this.#events = components.events ?? new EventLog({ logger: components.logger, clock: systemClock });
    this.#registry = components.registry ?? null;
    this.#init = init;
    this.relay = {
      publish: async (request) => this.#running.relay.publish(request),
      carry: async (bytes) => this.#running.relay.carry(bytes),
      subscribe: (topic, listener) => this.#running.relay.subscribe(topic, listener),
      topics: (namespace, owner) => this.#running.relay.topics(namespace, owner),
    };
    const running = (): Parts => this.#running;
    this.namespaces = {
      policyOf: (...call) => this.#running.tenancy.namespaces.policyOf(...call),
      historyOf: (...call) => this.#running.tenancy.namespaces.historyOf(...call),
      revokersOf: (...call) => this.#running.tenancy.namespaces.revokersOf(...call),
      sponsorsOf: (...call) => this.#running.tenancy.namespaces.sponsorsOf(...call),
      sponsorshipsBy: (...call) => this.#running.tenancy.namespaces.sponsorshipsBy(...call),
      get version() {
        return running().tenancy.namespaces.version;
      },
      submit: async (bytes) => this.#running.tenancy.namespaces.submit(bytes),
      onChange: (listener) => this.#running.tenancy.namespaces.onChange(listener),
    };
    this.publicBlobs = { find: async (...call) => this.#running.ipfs.find(...call) };
    this.storage = {
      put: async (...call) => this.#running.storage.put(...call),
      putBlob: async (...call) => this.#running.storage.putBlob(...call),
      beginUpload: (...call) => this.#running.storage.beginUpload(...call),
      resumeUpload: (...call) => this.#running.storage.resumeUpload(...call),
      carry: async (...call) => this.#running.storage.carry(...call),
      get: async (...call) => this.#running.storage.get(...call),
      delete: async (...call) => this.#running.storage.delete(...call),
      list: async (...call) => this.#running.storage.list(...call),
      where: async (...call) => this.#running.storage.where(...call),
      status: () => this.#running.storage.status(),
    };
  }

  start(): Promise<void> {
    return this.#after(async () => {
      if (this.#parts !== null) return;
      this.#joining = new AbortController();
      const parts = await this.#run();
      const { role, config } = this.#init;
      // a node that keeps nothing has nothing to reconcile
      if (parts.storage.maintenance === null) removeRestored(config.data);
      this.#events.report('node_started', { peerId: parts.identity.peerId, role, data: config.data });
      this.#parts = parts;
      await this.#joined(parts, this.#joining.signal);
    });
  }

  stop(): Promise<void> {
    this.#joining.abort();
    return this.#after(async () => {
      const parts = this.#parts;
      this.#parts = null;
      if (parts === null) return;
      await closeParts(parts);
      this.#events.report('node_stopped', { peerId: parts.identity.peerId });
    });
  }

  get maintenance(): StorageMaintenance | null {
    return this.#running.storage.maintenance;
  }

  async backup(options: BackupOptions): Promise<BackupReport> {
    return this.#running.backups.run(options);
  }

  get owner(): string {
    return this.#running.tenancy.operator.did;
  }

  get members(): Members {
    return this.#running.joining;
  }

  get delegate(): string {
    const { identity, tenancy } = this.#running;
    return tenancy.operator.signer === null ? identity.author : tenancy.operator.did;
  }

  isSponsored(namespace: NamespaceRef): boolean {
    return this.#running.tenancy.termsOf(namespace).isSponsored;
  }

  async sponsor(...call: Parameters<MaillonNode['sponsor']>): Promise<SponsorshipView> {
    return this.#running.tenancy.sponsorships.accept(...call);
  }

  async endSponsorship(of: Parameters<MaillonNode['endSponsorship']>[0]): Promise<void> {
    return this.#running.tenancy.sponsorships.withdraw(of);
  }

  walletShares(): readonly WalletShare[] {
    return this.#running.storage.walletShares();
  }

  connect(address: string): Promise<void> {
    return this.#running.peers.connect(address);
  }

  disconnect(peerId: string): Promise<void> {
    return this.#running.peers.disconnect(peerId);
  }

  status(): NodeStatus {
    const { identity, network, relay, sight, joining, peers, storage, startedAt } = this.#running;
    const { config, role, version } = this.#init;
    return {
      peerId: identity.peerId,
      author: identity.author,
      role,
      swarm: config.swarm,
      operator: joining.status,
      version,
      startedAt,
      addresses: network.services.reach.ownAddresses().map(String),
      peers: network.getPeers().length,
      bootstrap: peers.bootstrap(),
      mesh: meshSizes(network),
      relay: { ...relay.metrics, waiting: relay.waiting, subscriptions: relay.subscriptionCount },
      ...sight.status,
      recovery: storage.recovery,
    };
  }

  peers(): Promise<PeerView[]> {
    return viewPeers(this.#running.network);
  }

  nodes(): NodeView[] {
    return this.#running.directory.nodes();
  }

  async verifyWallet(proof: WalletProof): Promise<boolean> {
    return verifyWalletProof({ crypto: this.#crypto, wallets: this.#running.tenancy.wallets }, proof);
  }

  async checkChain(...call: Parameters<MaillonNode['checkChain']>): Promise<void> {
    return this.#running.tenancy.checkChain(...call);
  }

  probe(): Promise<Probe[]> {
    return Promise.resolve(probeNode(this.#running, this.#init));
  }

  limits(): readonly Limit[] {
    const { config } = this.#init;
    const settings = SETTINGS.flatMap((setting): Limit[] => {
      const value = config[setting.path];
      if (!('unit' in setting) || typeof value !== 'number') return [];
      return [{ name: setting.path, value, unit: setting.unit, reason: setting.help }];
    });
    return [
      ...RELAY_LIMITS,
      ...NODES_LIMITS,
      ...IDENTITY_LIMITS,
      ...WALLET_LIMITS,
      ...JOIN_LIMITS,
      ...MEMBERS_LIMITS,
      ...NAMESPACES_LIMITS,
      ...STORAGE_LIMITS,
      ...STORAGE_SERVICE_LIMITS,
      ...BLOB_STORE_LIMITS,
      ...IPFS_LIMITS,
      ...MAINTENANCE_LIMITS,
      ...BACKUP_LIMITS,
      ...settings,
    ];
  }

  /** Makes and starts the parts; once more, with other ports, where another process took one of these meanwhile. */
  async #run(): Promise<Parts> {
    const base = { ...this.#init, logger: this.#logger, events: this.#events };
    for (let attempt = 1; ; attempt++) {
      const parts = await openParts(base, this.#registry);
      try {
        await runParts(parts, this.#logger);
        return parts;
      } catch (error) {
        if (!isPortRace(error)) throw error;
        if (attempt < START_ATTEMPTS) continue;
        const message = `other processes took the swarm ports ${attempt} times in a row: set listen.tcp, listen.ws and listen.quic`;
        throw new CodedError('port_taken', message, undefined, { cause: error });
      }
    }
  }

  get #running(): Parts {
    if (this.#parts === null) throw new CodedError('not_running', 'this node is not running');
    return this.#parts;
  }

  /** Start and stop follow one another, whoever calls them when. */
  #after(step: () => Promise<void>): Promise<void> {
    const next = this.#transition.then(step);
    this.#transition = next.catch(() => undefined);
    return next;
  }

  /** Waits until the first peers are in the mesh of every shard; says so and goes on when none comes. */
  async #joined(parts: Parts, signal: AbortSignal): Promise<void> {
    const { bootstrap } = this.#init.config;
    const known = parts.peers.knownCount;
    if (bootstrap.length === 0 && known === 0) return;
    const deadline = Date.now() + JOIN_TIMEOUT_MS;
    while (!signal.aborted && meshSizes(parts.network).some((size) => size === 0)) {
      if (Date.now() >= deadline) {
        this.#events.report('bootstrap_unreachable', { bootstrap: parts.peers.bootstrap(), known });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
