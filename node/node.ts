import type { Registry } from 'prom-client';
import { systemClock } from '../protocols/common/clock.ts';
import type { Crypto } from '../protocols/common/crypto.ts';
import { CodedError } from '../protocols/common/errors.ts';
import type { Limit } from '../protocols/common/limits.ts';
import { NODES_LIMITS } from '../protocols/nodes/index.ts';
import { type Authorise, createRelayMetrics, RELAY_LIMITS, RelayError } from '../protocols/relay/index.ts';
import { type Config, SETTINGS } from './config/schema.ts';
import { createCrypto } from './crypto.ts';
import { Directory } from './directory/directory.ts';
import { DIRECTORY_LIMITS } from './directory/limits.ts';
import { type DataLock, lockDataDirectory } from './disk/data-lock.ts';
import { type Identity, loadIdentity } from './identity/identity.ts';
import type { MaillonNode, NodeStatus, NodeView, PeerView, Probe, Relay, Role } from './interface.ts';
import { createNetwork, type Network } from './libp2p.ts';
import { listenAddresses } from './listen.ts';
import { featuresOf } from './network/features.ts';
import { EventLog } from './observability/events.ts';
import { libp2pLogger } from './observability/libp2p-logger.ts';
import type { Logger } from './observability/logger.ts';
import { Meter } from './observability/meter.ts';
import { Sight } from './observability/sight.ts';
import { PeerBook } from './peers/book.ts';
import { PeerKeeper } from './peers/keeper.ts';
import { LIVENESS, Liveness } from './peers/liveness.ts';
import { LocalPeers } from './peers/local.ts';
import { meshSizes, viewPeers } from './peers/views.ts';
import { probeNode } from './probe.ts';
import { RelayService } from './relay/relay.ts';

export interface NodeInit {
  readonly config: Config;
  readonly role: Role;
  readonly version: string;
  /** Count 127.0.0.0/8 by its /24s where prefixes are counted: for a swarm on one machine that is to act as a wide one. */
  readonly splitLoopback?: boolean;
}

export interface NodeComponents {
  readonly logger: Logger;
  /** Where the node's metrics are registered while it runs; nothing of them is made without it. */
  readonly registry?: Registry;
  /** Where its events are reported; its own log of them otherwise. */
  readonly events?: EventLog;
}

/** Makes a node. Nothing is read or opened before `start`. */
export function createNode(components: NodeComponents, init: NodeInit): MaillonNode {
  return new Node(components, init);
}

/** How long `start` waits for the first peers before it goes on without them. */
const JOIN_TIMEOUT_MS = 8_000;
/** How often a wait looks again. */
const POLL_MS = 20;

/** What runs between start and stop. */
interface Parts {
  readonly lock: DataLock;
  readonly identity: Identity;
  readonly network: Network;
  readonly relay: RelayService;
  readonly directory: Directory;
  readonly book: PeerBook;
  readonly keeper: PeerKeeper;
  readonly local: LocalPeers;
  readonly liveness: Liveness;
  readonly sight: Sight;
  readonly startedAt: number;
}

/**
 * Puts a node together. Start: lock, identity, network, relay, directory, peers. Stop: peers, directory, relay (while
 * there is a network to send what waits), network, lock.
 */
class Node implements MaillonNode {
  readonly relay: Relay;
  readonly #logger: Logger;
  readonly #events: EventLog;
  readonly #registry: Registry | null;
  readonly #init: NodeInit;
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
      subscribe: (topic, listener) => this.#running.relay.subscribe(topic, listener),
      topics: (namespace, owner) => this.#running.relay.topics(namespace, owner),
    };
  }

  start(): Promise<void> {
    return this.#after(async () => {
      if (this.#parts !== null) return;
      this.#joining = new AbortController();
      const parts = await this.#open();
      await this.#run(parts);
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
      await close(parts);
      this.#events.report('node_stopped', { peerId: parts.identity.peerId });
    });
  }

  connect(address: string): Promise<void> {
    return this.#running.keeper.connect(address);
  }

  status(): NodeStatus {
    const { identity, network, relay, sight, startedAt } = this.#running;
    const { config, role, version } = this.#init;
    return {
      peerId: identity.peerId,
      author: identity.author,
      role,
      swarm: config.swarm,
      version,
      startedAt,
      addresses: network.getMultiaddrs().map(String),
      peers: network.getPeers().length,
      mesh: meshSizes(network),
      relay: { ...relay.metrics, waiting: relay.waiting, subscriptions: relay.subscriptionCount },
      ...sight.status,
    };
  }

  peers(): Promise<PeerView[]> {
    return viewPeers(this.#running.network);
  }

  nodes(): NodeView[] {
    return this.#running.directory.nodes();
  }

  probe(): Promise<Probe[]> {
    const { network, relay } = this.#running;
    return Promise.resolve(probeNode({ network, relay }, this.#init));
  }

  limits(): readonly Limit[] {
    const { config } = this.#init;
    const settings = SETTINGS.flatMap((setting): Limit[] => {
      const value = config[setting.path];
      if (!('unit' in setting) || typeof value !== 'number') return [];
      return [{ name: setting.path, value, unit: setting.unit, reason: setting.help }];
    });
    return [...RELAY_LIMITS, ...NODES_LIMITS, ...DIRECTORY_LIMITS, ...settings];
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

  /** Takes the data directory and makes the parts; nothing runs yet. */
  async #open(): Promise<Parts> {
    const { config, role, version } = this.#init;
    const startedAt = systemClock.now();
    const lock = lockDataDirectory(config.data);
    const meter = this.#registry === null ? null : new Meter(this.#registry);
    try {
      const identity = await loadIdentity(config.data);
      const features = featuresOf(config, role);
      const { dialTimeoutMs } = features;
      const listen = role === 'full' ? await listenAddresses(config, features) : [];
      const logger = libp2pLogger(this.#logger);
      const metrics = createRelayMetrics();
      const crypto = createCrypto();
      let relay: RelayService | undefined;
      let directory: Directory | undefined;
      const { network, policy } = await createNetwork({
        config,
        role,
        version,
        listen,
        logger,
        privateKey: identity.privateKey,
        scoreOf: (peer) => (relay?.scoreOf(peer) ?? 0) + (directory?.scoreOf(peer) ?? 0),
        onCopy: () => {
          metrics.copiesReceived += 1;
        },
        onFault: (what, error) => {
          this.#logger.warn({ err: error }, `${what} does not work here and is done without`);
        },
        ...(meter === null ? {} : { registry: meter.registry }),
      });
      relay = new RelayService(
        {
          gossip: network.services.gossip,
          crypto,
          clock: systemClock,
          identity,
          authorise: authoriseUnowned,
          metrics,
          logger: this.#logger,
        },
        { config, role, data: config.data },
      );
      directory = this.#directory({ network, crypto, identity });
      const book = new PeerBook({ network, clock: systemClock, logger: this.#logger }, { data: config.data });
      // they were dialled by the rules of an earlier run, and led to who was meant
      for (const { addresses } of book.candidates()) for (const address of addresses) policy.trust(address);
      const keeper = new PeerKeeper(
        { network, logger: this.#logger, book, directory },
        {
          bootstrap: config.bootstrap,
          target: config['connections.target'],
          dialTimeoutMs,
          trust: (address) => policy.trust(address),
        },
      );
      const local = new LocalPeers(
        { network, logger: this.#logger },
        { target: config['connections.target'], dialTimeoutMs },
      );
      const liveness = new Liveness({ network, logger: this.#logger }, LIVENESS);
      const sight = this.#sight({ network, relay, directory, meter }, startedAt);
      return { lock, identity, network, relay, directory, book, keeper, local, liveness, sight, startedAt };
    } catch (error) {
      meter?.release();
      lock.release();
      throw error;
    }
  }

  #directory(parts: Pick<Parts, 'network' | 'identity'> & { crypto: Crypto }): Directory {
    const { config, role, version, splitLoopback = false } = this.#init;
    return new Directory(
      { ...parts, clock: systemClock, logger: this.#logger, events: this.#events },
      {
        role,
        version,
        swarm: config.swarm,
        connectionsMax: config['connections.max'],
        max: config['directory.max'],
        perPrefix: config['directory.perPrefix'],
        target: config['connections.target'],
        splitLoopback,
      },
    );
  }

  #sight(
    parts: Pick<Parts, 'network' | 'relay' | 'directory'> & { meter: Meter | null },
    startedAt: number,
  ): Sight {
    const { network } = parts;
    return new Sight(
      {
        ...parts,
        events: this.#events,
        clock: systemClock,
        meshSizes: () => meshSizes(network),
        nodes: () => (this.#parts === null ? [] : this.nodes()),
      },
      { ...this.#init, data: this.#init.config.data, startedAt },
    );
  }

  /** Starts the parts; of those that one could not be started with, none is left running or open. */
  async #run(parts: Parts): Promise<void> {
    const { data } = this.#init.config;
    try {
      parts.sight.start();
      await parts.network.start();
      parts.relay.start();
      await parts.directory.start();
      parts.book.start();
      parts.keeper.start();
      if (this.#init.config['network.mdns']) parts.local.start();
      parts.liveness.start();
    } catch (error) {
      await close(parts).catch((fault: unknown) => {
        this.#logger.error({ err: fault }, 'a part could not be stopped');
      });
      throw error;
    }
    this.#events.report('node_started', { peerId: parts.identity.peerId, role: this.#init.role, data });
  }

  /** Waits until the first peers are in the mesh of every shard; says so and goes on when none comes. */
  async #joined(parts: Parts, signal: AbortSignal): Promise<void> {
    const { bootstrap } = this.#init.config;
    const known = parts.book.size;
    if (bootstrap.length === 0 && known === 0) return;
    const deadline = Date.now() + JOIN_TIMEOUT_MS;
    while (!signal.aborted && meshSizes(parts.network).some((size) => size === 0)) {
      if (Date.now() >= deadline) {
        this.#events.report('bootstrap_unreachable', { bootstrap, known });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** Each part is stopped whatever became of the one before; the first error is thrown in the end. */
async function close(parts: Parts): Promise<void> {
  try {
    parts.book.stop();
    parts.local.stop();
    await Promise.all([parts.keeper.stop(), parts.liveness.stop(), parts.directory.stop()]);
  } finally {
    try {
      await parts.relay.stop();
    } finally {
      try {
        await parts.network.stop();
      } finally {
        parts.sight.stop();
        parts.lock.release();
      }
    }
  }
}

/** Until identities exist a namespace has no owner and nothing is delegated; what claims otherwise is of a later version. */
const authoriseUnowned: Authorise = (envelope) => {
  if (envelope.owner !== '' || envelope.chain.length > 0) {
    throw new RelayError('envelope_unauthorised', 'owned namespaces are not known to this version');
  }
};
