import type { Multiaddr } from '@multiformats/multiaddr';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import type { Probe } from '../core/probe.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { PeerBook } from './book.ts';
import { BootstrapPeers } from './bootstrap.ts';
import { parsePeerId } from './dialling.ts';
import type { BootstrapView } from './interface.ts';
import { LIVENESS, Liveness } from './liveness.ts';
import { LocalPeers } from './local.ts';
import { OtherSwarms } from './other-swarms.ts';
import { type AnnouncedNodes, PeerManager } from './peer-manager.ts';
import { probePeers } from './probe.ts';

export interface PeersComponents {
  readonly network: Network;
  readonly clock: TimerClock;
  readonly directory: AnnouncedNodes;
  readonly logger: Logger;
}

export interface PeersInit {
  readonly config: Config;
  readonly role: Role;
  /** How long a peer may take to answer. */
  readonly dialTimeoutMs: number;
  /** Called with an address that may be dialled wherever it leads. */
  readonly trust: (address: Multiaddr) => void;
}

/** The peers of this node: it finds, remembers and keeps them, and checks that they live. */
export class Peers {
  readonly #network: Network;
  readonly #init: PeersInit;
  readonly #book: PeerBook;
  readonly #otherSwarms: OtherSwarms;
  readonly #bootstrap: BootstrapPeers;
  readonly #keeper: PeerManager;
  readonly #local: LocalPeers | null;
  readonly #liveness: Liveness;

  constructor(components: PeersComponents, init: PeersInit) {
    const { network, clock, directory, logger } = components;
    const { config, dialTimeoutMs, trust } = init;
    this.#network = network;
    this.#init = init;
    const target = config['connections.target'];
    this.#book = new PeerBook({ network, clock, logger }, { data: config.data });
    // they were dialled by the rules of an earlier run, and led to who was meant
    for (const { addresses } of this.#book.candidates()) for (const address of addresses) trust(address);
    this.#otherSwarms = new OtherSwarms(
      { network, clock, logger, forget: (peer) => this.#book.forget(peer) },
      { swarm: config.swarm },
    );
    const otherSwarmOf = (peer: string): string | undefined => this.#otherSwarms.of(peer);
    const reach = {
      isProxied: config['network.proxy'] !== '',
      hasNetworkKey: config['network.keyFile'] !== '',
    };
    this.#bootstrap = new BootstrapPeers(
      { network, clock, logger, otherSwarmOf },
      { addresses: config.bootstrap, swarm: config.swarm, dialTimeoutMs, ...reach },
    );
    this.#keeper = new PeerManager(
      {
        network,
        clock,
        logger,
        book: this.#book,
        directory,
        bootstrap: this.#bootstrap,
        isOther: (peer) => otherSwarmOf(peer) !== undefined,
      },
      { target, dialTimeoutMs, trust, ...reach },
    );
    this.#local = config['network.mdns']
      ? new LocalPeers({ network, logger }, { target, dialTimeoutMs })
      : null;
    this.#liveness = new Liveness({ network, clock, logger }, LIVENESS);
  }

  /** Peers known from earlier runs. */
  get knownCount(): number {
    return this.#book.size;
  }

  /** Result for each bootstrap address. */
  bootstrap(): BootstrapView[] {
    return this.#bootstrap.views();
  }

  probe(): readonly Probe[] {
    return probePeers({ network: this.#network, bootstrap: this.bootstrap() }, this.#init);
  }

  start(): void {
    this.#book.start();
    this.#otherSwarms.start();
    this.#keeper.start();
    this.#local?.start();
    this.#liveness.start();
  }

  async stop(): Promise<void> {
    this.#book.stop();
    this.#otherSwarms.stop();
    this.#local?.stop();
    await Promise.all([this.#keeper.stop(), this.#liveness.stop()]);
  }

  /** Connects to the peer at `address`. Throws `bad_address` or `dial_failed`. */
  connect(address: string): Promise<void> {
    return this.#keeper.connect(address);
  }

  /** Closes the connections with a peer. Throws `bad_address`. */
  async disconnect(peerId: string): Promise<void> {
    await this.#network.hangUp(parsePeerId(peerId));
  }
}
