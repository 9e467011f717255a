import type { Registry } from 'prom-client';
import { systemClock } from '../protocols/common/clock.ts';
import { CodedError } from '../protocols/common/errors.ts';
import type { Limit } from '../protocols/common/limits.ts';
import type { BackupOptions, BackupReport } from './backup/interface.ts';
import type { Services } from './core/core.ts';
import type { NodeFeature } from './core/feature.ts';
import { forward } from './core/forward.ts';
import { featureAt } from './core/from-path.ts';
import { reasonOff } from './core/off.ts';
import type { Probe } from './core/probe.ts';
import type { NodeView } from './directory/interface.ts';
import { FEATURES } from './features.ts';
import { verifyWalletProof, type WalletProof } from './identity/wallet-proof.ts';
import type { MaillonNode, NodeStatus } from './interface.ts';
import type { PublicBlobs } from './ipfs/interface.ts';
import type { Members } from './join/interface.ts';
import type { Namespaces, SponsorshipView } from './namespaces/interface.ts';
import { isPortRace } from './network/listen.ts';
import { meshSizes } from './network/mesh.ts';
import { EventLog } from './observability/events.ts';
import type { Logger } from './observability/logger.ts';
import { closeParts, type NodeComponents, type NodeInit, openParts, type Parts, runParts } from './parts.ts';
import type { PeerView } from './peers/interface.ts';
import { viewPeers } from './peers/views.ts';
import type { Relay } from './relay/interface.ts';
import { createCrypto } from './runtime/crypto.ts';
import { SETTINGS } from './settings.ts';
import { statusOf } from './status.ts';
import type { NamespaceRef, Storage, WalletShare } from './storage/api/interface.ts';
import type { StorageMaintenance } from './storage/maintenance/interface.ts';

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
    this.relay = forward<Relay>(() => this.feature('relay'), { subscribe: 'method', topics: 'method' });
    this.namespaces = forward<Namespaces>(() => this.feature('authorisation').namespaces, {
      policyOf: 'method',
      historyOf: 'method',
      revokersOf: 'method',
      sponsorsOf: 'method',
      sponsorshipsBy: 'method',
      version: 'property',
      onChange: 'method',
    });
    this.publicBlobs = forward<PublicBlobs>(() => this.feature('ipfs'), {});
    this.storage = forward<Storage>(() => this.feature('storage'), {
      resumeUpload: 'method',
      status: 'method',
    });
  }

  start(): Promise<void> {
    return this.#after(async () => {
      if (this.#parts !== null) return;
      this.#joining = new AbortController();
      const parts = await this.#run();
      const { role, config } = this.#init;
      this.#events.report('node_started', { peerId: parts.core.identity.peerId, role, data: config.data });
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
      this.#events.report('node_stopped', { peerId: parts.core.identity.peerId });
    });
  }

  feature<N extends keyof Services>(name: N): Services[N] {
    return this.#running.features.service(name);
  }

  hasFeature(name: string): boolean {
    return this.#features.some((one) => one.name === name);
  }

  loadFeature(path: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
    return this.#after(() => this.#running.features.add(featureAt(path), settings));
  }

  unloadFeature(name: string): Promise<void> {
    return this.#after(() => this.#running.features.remove(name));
  }

  get maintenance(): StorageMaintenance | null {
    return this.feature('storage').maintenance;
  }

  async backup(options: BackupOptions): Promise<BackupReport> {
    return this.feature('backup').run(options);
  }

  get owner(): string {
    return this.#running.core.operator.did;
  }

  get members(): Members {
    return this.feature('members');
  }

  get delegate(): string {
    const { identity, operator } = this.#running.core;
    return operator.signer === null ? identity.author : operator.did;
  }

  isSponsored(namespace: NamespaceRef): boolean {
    return this.feature('authorisation').termsOf(namespace).isSponsored;
  }

  async sponsor(...call: Parameters<MaillonNode['sponsor']>): Promise<SponsorshipView> {
    return this.feature('authorisation').sponsorships.accept(...call);
  }

  async endSponsorship(of: Parameters<MaillonNode['endSponsorship']>[0]): Promise<void> {
    return this.feature('authorisation').sponsorships.withdraw(of);
  }

  walletShares(): readonly WalletShare[] {
    return this.#running.features.services.storage?.walletShares() ?? [];
  }

  connect(address: string): Promise<void> {
    return this.feature('peers').connect(address);
  }

  disconnect(peerId: string): Promise<void> {
    return this.feature('peers').disconnect(peerId);
  }

  status(): NodeStatus {
    return statusOf(this.#running);
  }

  peers(): Promise<PeerView[]> {
    return viewPeers(this.#running.core.network);
  }

  nodes(): NodeView[] {
    return this.feature('directory').nodes();
  }

  async verifyWallet(proof: WalletProof): Promise<boolean> {
    const { wallets } = this.feature('authorisation');
    return verifyWalletProof({ crypto: this.#crypto, wallets }, proof);
  }

  async checkChain(...call: Parameters<MaillonNode['checkChain']>): Promise<void> {
    return this.feature('authorisation').checkChain(...call);
  }

  async probe(): Promise<Probe[]> {
    return this.#running.features.probe();
  }

  limits(): readonly Limit[] {
    const features = this.#features;
    const off = new Set(
      FEATURES.filter((one) => !features.includes(one)).flatMap(({ settings }) => settings),
    );
    const values: Readonly<Record<string, unknown>> = {
      ...this.#init.config,
      ...this.#parts?.features.settings,
    };
    const known = new Set([...SETTINGS, ...features.flatMap(({ settings }) => settings)]);
    const settings = [...known].flatMap((setting): Limit[] => {
      const { path, unit, help } = setting;
      const value = values[path] ?? setting.default;
      if (off.has(setting) || unit === undefined || typeof value !== 'number') return [];
      return [{ name: path, value, unit, reason: help }];
    });
    return [...features.flatMap(({ limits }) => limits), ...settings];
  }

  /** Those that run, or would if this node did. */
  get #features(): readonly NodeFeature[] {
    if (this.#parts !== null) return this.#parts.features.features;
    return FEATURES.filter(({ name }) => reasonOff(name, FEATURES, this.#init.config) === null);
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
    const peers = parts.features.service('peers');
    const known = peers.knownCount;
    if (bootstrap.length === 0 && known === 0) return;
    const deadline = Date.now() + JOIN_TIMEOUT_MS;
    while (!signal.aborted && meshSizes(parts.core.network).some((size) => size === 0)) {
      if (Date.now() >= deadline) {
        this.#events.report('bootstrap_unreachable', { bootstrap: peers.bootstrap(), known });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
