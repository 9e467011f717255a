import { randomBytes } from 'node:crypto';
import type { PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { GOSSIP_PROTOCOL } from '../relay/gossip.ts';

export interface PeerKeeperInit {
  /** Addresses of bootstrap peers. */
  readonly bootstrap: readonly string[];
  /** Peers to be connected with. */
  readonly target: number;
  /** Told of an address the operator named, before it is dialled. */
  readonly trust: (address: Multiaddr) => void;
}

/** Between rounds while there is nobody to talk to: a node that starts beside its bootstrap peer joins at once. */
const ALONE_INTERVAL_MS = 250;
/** The most a lone node waits for the next round. */
const ALONE_INTERVAL_MAX_MS = 15_000;
/** Between rounds while peers are wanted. */
const SEARCH_INTERVAL_MS = 1_000;
/** The most between rounds, when there are enough peers or no more to be found: a walk asks some twenty of them. */
const SEARCH_INTERVAL_MAX_MS = 60_000;
/** One walk through the DHT. */
const WALK_TIMEOUT_MS = 5_000;
const DIAL_TIMEOUT_MS = 5_000;
/** Dials of one round. */
const DIALS_MAX = 8;
/** Length of a key of the DHT. */
const KEY_BYTES = 32;

/**
 * Keeps a node connected: dials every bootstrap peer that it is not connected with, whoever else is, so that
 * nobody can keep it to himself and a split heals; walks the DHT for others until the target is reached; and
 * closes connections whose gossip stream is dead, so that they are made anew. A lost peer begins the search anew.
 */
export class PeerKeeper {
  readonly #network: Network;
  readonly #log: Logger;
  readonly #init: PeerKeeperInit;
  readonly #bootstrap: readonly Multiaddr[];
  #abort = new AbortController();
  #loop: Promise<void> | null = null;
  #fruitless = 0;
  #wake: () => void = () => undefined;
  readonly #onDisconnect = (): void => {
    this.#fruitless = 0;
    this.#wake();
  };

  constructor(components: { network: Network; logger: Logger }, init: PeerKeeperInit) {
    this.#network = components.network;
    this.#log = components.logger;
    this.#init = init;
    this.#bootstrap = init.bootstrap.map((address) => multiaddr(address));
  }

  start(): void {
    if (this.#loop !== null) return;
    this.#abort = new AbortController();
    this.#network.addEventListener('peer:disconnect', this.#onDisconnect);
    this.#loop = this.#run(this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#network.removeEventListener('peer:disconnect', this.#onDisconnect);
    this.#abort.abort();
    this.#wake();
    await this.#loop;
    this.#loop = null;
  }

  /** Connects to the peer at `address`. Throws `bad_address` or `dial_failed`. */
  async connect(address: string): Promise<void> {
    const target = parsePeerAddress(address);
    this.#init.trust(target);
    try {
      await this.#network.dial(target, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
    } catch (error) {
      throw new CodedError('dial_failed', `${address} did not answer: ${errorMessage(error)}`, undefined, {
        cause: error,
      });
    }
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
    const timers = [setTimeout(resolve, ms)];
    this.#wake = () => {
      if (this.#abort.signal.aborted) resolve();
      // the first loss sets the time: a peer that comes and goes must not put the search off for ever
      else if (timers.length === 1) timers.push(setTimeout(resolve, SEARCH_INTERVAL_MS));
    };
    await promise;
    this.#wake = () => undefined;
    for (const timer of timers) clearTimeout(timer);
  }

  get #connected(): number {
    return this.#network.getPeers().length;
  }

  /** Grows with every round that found nobody: whoever joins looks for this node, too. */
  get #interval(): number {
    if (this.#connected === 0)
      return Math.min(ALONE_INTERVAL_MAX_MS, ALONE_INTERVAL_MS * 2 ** this.#fruitless);
    return Math.min(SEARCH_INTERVAL_MAX_MS, SEARCH_INTERVAL_MS * 4 ** this.#fruitless);
  }

  async #round(signal: AbortSignal): Promise<void> {
    await this.#closeDeaf();
    await this.#dialBootstrap(signal);
    if (this.#connected === 0 || this.#connected >= this.#init.target) return;
    // near this node first, where nobody else looks; then anywhere
    const key = this.#fruitless === 0 ? this.#network.peerId.toMultihash().bytes : randomBytes(KEY_BYTES);
    const found = await this.#walk(key, signal);
    const wanted = Math.min(DIALS_MAX, this.#init.target - this.#connected);
    await Promise.all(found.slice(0, wanted).map((addresses) => this.#dial(addresses, signal)));
  }

  async #dialBootstrap(signal: AbortSignal): Promise<void> {
    const there = [this.#network.peerId, ...this.#network.getPeers()].map(
      (peer) => `/p2p/${peer.toString()}`,
    );
    const missing = this.#bootstrap.filter((address) => !there.some((id) => address.toString().endsWith(id)));
    await Promise.all(missing.map((address) => this.#dial([address], signal)));
  }

  async #dial(addresses: Multiaddr[], signal: AbortSignal): Promise<void> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
      await this.#network.dial(addresses, { signal: limit });
    } catch (error) {
      if (signal.aborted) return;
      this.#log.debug({ peer: String(addresses[0]), reason: errorMessage(error) }, 'a peer did not answer');
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

  /**
   * Hangs up on peers that speak gossip but to whom no stream leads: gossip opens none a second time on a
   * connection, and forgets a peer whose frames it could not read.
   */
  async #closeDeaf(): Promise<void> {
    const { gossip } = this.#network.services;
    for (const connection of this.#network.getConnections()) {
      const id = connection.remotePeer;
      const isYoung = Date.now() - connection.timeline.open < DEAF_MS;
      if (isYoung || gossip.streamsOutbound.has(id.toString()) || !(await this.#speaksGossip(id))) continue;
      this.#log.info({ peer: id.toString() }, 'reconnecting a peer whose gossip stream was lost');
      await connection.close().catch((error: unknown) => {
        this.#log.debug({ err: error }, 'hanging up failed');
      });
    }
  }

  async #speaksGossip(id: PeerId): Promise<boolean> {
    const peer = await this.#network.peerStore.get(id).catch(() => undefined);
    return peer?.protocols.includes(GOSSIP_PROTOCOL) ?? false;
  }
}

function withPeerId(address: Multiaddr, peer: PeerId): Multiaddr {
  const ending = `/p2p/${peer.toString()}`;
  return address.toString().endsWith(ending) ? address : address.encapsulate(ending);
}

/** A multiaddr with a peer id, so that whoever answers is who was meant. Throws `bad_address`. */
function parsePeerAddress(address: string): Multiaddr {
  try {
    const parsed = multiaddr(address);
    if (parsed.getComponents().some((component) => component.name === 'p2p')) return parsed;
  } catch (error) {
    throw new CodedError('bad_address', `${address} is not a multiaddr`, undefined, { cause: error });
  }
  throw new CodedError('bad_address', `${address} must end in /p2p/<peer id>`);
}

/** How long a new connection may take to open its gossip stream. */
const DEAF_MS = 15_000;
