import { randomBytes } from 'node:crypto';
import type { Connection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type BackOff, backOffMs } from '../../protocols/common/back-off.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { DeferredTask } from '../../protocols/common/deferred-task.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import type { Candidate } from './book.ts';
import type { BootstrapPeers } from './bootstrap.ts';
import type { DialContext } from './dial-fault.ts';
import { dialNamed, parsePeerAddress } from './dialling.ts';
import { closeWithoutGossip } from './gossip-streams.ts';

/** Peers known from earlier, the most promising first. */
export interface KnownPeers {
  candidates(): Candidate[];
  failed(id: string): void;
}

/** Nodes that announced themselves, the most promising first. */
export interface AnnouncedNodes {
  candidates(max: number): Multiaddr[][];
}

export interface PeerManagerComponents {
  readonly network: Network;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly book: KnownPeers;
  readonly directory: AnnouncedNodes;
  readonly bootstrap: Pick<BootstrapPeers, 'dialMissing'>;
  /** Whether a peer said that it is of another swarm: nobody to miss. */
  readonly isOther: (peer: string) => boolean;
}

export interface PeerManagerInit extends Omit<DialContext, 'peerId'> {
  /** Peers to be connected with. */
  readonly target: number;
  /** How long a peer may take to answer. */
  readonly dialTimeoutMs: number;
  /** Called with an address that the operator named, before it is dialled. */
  readonly trust: (address: Multiaddr) => void;
}

/** Between rounds while there is nobody to talk to: a node that starts beside its bootstrap peer joins at once. */
const ALONE: BackOff = { firstMs: 250, maxMs: 15_000 };
/** Between rounds while peers are wanted. */
const SEARCH_INTERVAL_MS = 1_000;
/** It grows while there are enough peers or no more to be found: a walk asks some twenty of them. */
const SEARCH: BackOff = { firstMs: SEARCH_INTERVAL_MS, maxMs: 60_000, factor: 4 };
/** One walk through the DHT. */
const WALK_TIMEOUT_MS = 5_000;
/** Dials at a time. */
const DIALS_MAX = 8;
/** Times so many dials out of the book in one round of a node that has nobody: then bootstrap peers have their turn again. */
const BOOK_TURNS_MAX = 3;
/** A connection that was shorter was a dial-back, or nobody to miss. */
const MISSED_MS = 2_000;
/** Length of a key of the DHT. */
const KEY_BYTES = 32;

/**
 * Keeps a node connected: dials every bootstrap peer that it is not connected with, whoever else is, so that
 * nobody can keep it to himself and a split heals. A node that has nobody dials its peer book at the same time; one
 * that has too few dials nodes of the directory, then walks the DHT for others, until the target is reached. It
 * closes connections whose gossip stream is dead, so that they are made anew. A lost peer begins the search anew.
 */
export class PeerManager {
  readonly #network: Network;
  readonly #clock: TimerClock;
  readonly #log: Logger;
  readonly #book: KnownPeers;
  readonly #directory: AnnouncedNodes;
  readonly #bootstrap: PeerManagerComponents['bootstrap'];
  readonly #isOther: PeerManagerComponents['isOther'];
  readonly #init: PeerManagerInit;
  #abort = new AbortController();
  #loop: Promise<void> | null = null;
  #fruitless = 0;
  #wake: () => void = () => undefined;
  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    const { remotePeer, timeline } = detail;
    const isLost =
      this.#network.getConnections(remotePeer).length === 0 && !this.#isOther(remotePeer.toString());
    if (!isLost || (this.#connected > 0 && this.#clock.now() - timeline.open < MISSED_MS)) return;
    this.#fruitless = 0;
    this.#wake();
  };

  constructor(components: PeerManagerComponents, init: PeerManagerInit) {
    this.#network = components.network;
    this.#clock = components.clock;
    this.#log = components.logger;
    this.#book = components.book;
    this.#directory = components.directory;
    this.#init = init;
    this.#bootstrap = components.bootstrap;
    this.#isOther = components.isOther;
  }

  start(): void {
    if (this.#loop !== null) return;
    this.#abort = new AbortController();
    this.#network.addEventListener('connection:close', this.#onClose);
    this.#loop = this.#run(this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#network.removeEventListener('connection:close', this.#onClose);
    this.#abort.abort();
    this.#wake();
    await this.#loop;
    this.#loop = null;
  }

  /** Connects to the peer at `address`. Throws `bad_address` or `dial_failed`. */
  async connect(address: string): Promise<void> {
    const target = parsePeerAddress(address);
    this.#init.trust(target);
    const { dialTimeoutMs, isProxied, hasNetworkKey } = this.#init;
    const signal = AbortSignal.timeout(dialTimeoutMs);
    await dialNamed(this.#network, target, { isProxied, hasNetworkKey, signal });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const before = this.#connected;
      try {
        await this.#round(signal);
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ err: error }, 'looking for peers failed');
      }
      this.#fruitless = this.#connected > before ? 0 : this.#fruitless + 1;
      if (!signal.aborted) await this.#pause(this.#interval);
    }
  }

  /** Waits, or until a peer is lost: then for a second only, so that many losses are one search. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const pause = new DeferredTask({ clock: this.#clock, run: resolve });
    pause.runWithin(ms);
    this.#wake = () => {
      if (this.#abort.signal.aborted) resolve();
      // the first loss sets the time: a peer that comes and goes must not put the search off for ever
      else pause.runWithin(SEARCH_INTERVAL_MS);
    };
    await promise;
    this.#wake = () => undefined;
    pause.cancel();
  }

  get #connected(): number {
    return this.#network.getPeers().length;
  }

  /** Grows with every round that found nobody: whoever joins looks for this node, too. */
  get #interval(): number {
    return backOffMs(this.#fruitless, this.#connected === 0 ? ALONE : SEARCH);
  }

  async #round(signal: AbortSignal): Promise<void> {
    await closeWithoutGossip(this.#network, this.#clock, this.#log);
    await Promise.all([this.#bootstrap.dialMissing(signal), this.#dialBook(signal)]);
    if (this.#isContent) return;
    await this.#dialAll(this.#directory.candidates(this.#wanted), signal);
    if (this.#isContent) return;
    // near this node first, where nobody else looks; then anywhere
    const key = this.#fruitless === 0 ? this.#network.peerId.toMultihash().bytes : randomBytes(KEY_BYTES);
    await this.#dialAll((await this.#walk(key, signal)).slice(0, this.#wanted), signal);
  }

  /** Whether there is nobody to ask for others, or no need of any. */
  get #isContent(): boolean {
    return this.#connected === 0 || this.#connected >= this.#init.target;
  }

  get #wanted(): number {
    return Math.min(DIALS_MAX, Math.max(0, this.#init.target - this.#connected));
  }

  async #dialAll(peers: Multiaddr[][], signal: AbortSignal): Promise<void> {
    await Promise.all(peers.map((addresses) => this.#dial(addresses, signal)));
  }

  /** Peers of earlier days, some at a time, until one of them or a bootstrap peer answers. */
  async #dialBook(signal: AbortSignal): Promise<void> {
    for (let turn = 0; turn < BOOK_TURNS_MAX && this.#connected === 0 && !signal.aborted; turn++) {
      const peers = this.#book.candidates().slice(0, DIALS_MAX);
      if (peers.length === 0) return;
      const answered = await Promise.all(peers.map(({ addresses }) => this.#dial(addresses, signal)));
      if (signal.aborted) return;
      for (const [index, { id }] of peers.entries()) if (answered[index] === false) this.#book.failed(id);
    }
  }

  /** Whether the peer at these addresses answered. */
  async #dial(addresses: Multiaddr[], signal: AbortSignal): Promise<boolean> {
    try {
      const timeout = AbortSignal.timeout(this.#init.dialTimeoutMs);
      await this.#network.dial(addresses, { signal: AbortSignal.any([signal, timeout]) });
      return true;
    } catch (error) {
      if (!signal.aborted) {
        const reason = errorMessage(error);
        this.#log.debug({ peer: String(addresses[0]), reason }, 'a peer did not answer');
      }
      return false;
    }
  }

  /** Addresses of the peers on the way to `key` that are not connected yet. */
  async #walk(key: Uint8Array, signal: AbortSignal): Promise<Multiaddr[][]> {
    const known = new Set(this.#network.getPeers().map(String));
    known.add(this.#network.peerId.toString());
    const found: Multiaddr[][] = [];
    const limit = AbortSignal.any([signal, AbortSignal.timeout(WALK_TIMEOUT_MS)]);
    for await (const event of this.#network.services.dht.getClosestPeers(key, { signal: limit })) {
      if (event.name !== 'PEER_RESPONSE') continue;
      for (const { id, multiaddrs } of event.closer) {
        if (known.has(id.toString()) || multiaddrs.length === 0) continue;
        known.add(id.toString());
        found.push(multiaddrs.map((address) => withPeerId(address, id)));
      }
    }
    return found;
  }
}

function withPeerId(address: Multiaddr, peer: PeerId): Multiaddr {
  const ending = `/p2p/${peer.toString()}`;
  return address.toString().endsWith(ending) ? address : address.encapsulate(ending);
}
