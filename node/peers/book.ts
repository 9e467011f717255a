import type { Connection } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { LOOPBACK_PREFIX, prefixOf } from '../../protocols/common/address-prefix.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { DeferredTask } from '../../protocols/common/deferred-task.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { parseNodeAddress } from '../../protocols/common/node-address.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { BOOK_ADDRESSES_MAX, BOOK_MAX, type BookEntry, bookPath, readBook, writeBook } from './book-file.ts';

export interface PeerBookInit {
  /** The node's data directory. */
  readonly data: string;
}

/** Where a peer may be dialled. */
export interface Candidate {
  readonly id: string;
  readonly addresses: Multiaddr[];
}

/** Peers of one /24 or /48: half the book may not be one party's. */
const PER_PREFIX = 16;
/** Between two writes: what is lost with a kill is half a minute of changes. */
const WRITE_INTERVAL_MS = 30_000;
/** The first peers are on disk after this: a node killed right after its start finds back, too. */
const FIRST_WRITE_MS = 1_000;
/** So many peers are the first ones: enough that one of them is still there when the bootstrap peers are not. */
const FIRST_PEERS = 16;

/**
 * Peers that this node dialled with success, kept on disk: a node that starts again finds its swarm when no bootstrap peer is
 * there any more. Claims of peers about others are not in it.
 */
export class PeerBook {
  readonly #network: Network;
  readonly #clock: TimerClock;
  readonly #log: Logger;
  readonly #path: string;
  readonly #entries = new Map<string, BookEntry>();
  readonly #writing: DeferredTask;
  #isRunning = false;

  /** Reads the file. */
  constructor(components: { network: Network; clock: TimerClock; logger: Logger }, init: PeerBookInit) {
    this.#network = components.network;
    this.#clock = components.clock;
    this.#writing = new DeferredTask({ clock: components.clock, run: () => this.#write() });
    this.#log = components.logger;
    this.#path = bookPath(init.data);
    for (const entry of readBook(this.#path, this.#log)) {
      if (prefixOfEntry(entry) !== null) this.#entries.set(entry.id, entry);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#network.addEventListener('connection:open', this.#onOpen);
    this.#network.addEventListener('connection:close', this.#onClose);
  }

  /** Puts the book on disk. While the network still runs: whoever is connected now is known to be there. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#network.removeEventListener('connection:open', this.#onOpen);
    this.#network.removeEventListener('connection:close', this.#onClose);
    this.#writing.cancel();
    this.#write();
  }

  /** Peers to dial: those that answered and were seen last come first, each prefix having its turn. */
  candidates(): Candidate[] {
    const connected = new Set(this.#network.getPeers().map(String));
    const turns = new Map<string, number>();
    return [...this.#entries.values()]
      .filter(({ id }) => !connected.has(id))
      .toSorted((a, b) => a.failures - b.failures || b.lastSuccess - a.lastSuccess)
      .map((entry) => {
        const prefix = prefixOfEntry(entry) ?? '';
        const turn = turns.get(prefix) ?? 0;
        turns.set(prefix, turn + 1);
        return { entry, turn };
      })
      .sort((a, b) => a.entry.failures - b.entry.failures || a.turn - b.turn)
      .map(({ entry: { id, addresses } }) => ({
        id,
        addresses: addresses.map((address) => multiaddr(address)),
      }));
  }

  /** The peer did not answer at any of its addresses. */
  failed(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.set(id, { ...entry, failures: entry.failures + 1 });
    this.#changed();
  }

  /** The peer is of no use to this node, though it answers. */
  forget(id: string): void {
    if (this.#entries.delete(id)) this.#changed();
  }

  readonly #onOpen = ({ detail }: CustomEvent<Connection>): void => {
    const { direction, remoteAddr, remotePeer } = detail;
    if (direction !== 'outbound') return;
    this.#succeeded(remotePeer.toString(), remoteAddr.toString());
  };

  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    const entry = this.#entries.get(detail.remotePeer.toString());
    if (entry === undefined) return;
    this.#entries.set(entry.id, { ...entry, lastSuccess: this.#clock.now() });
    this.#changed();
  };

  #succeeded(id: string, remote: string): void {
    const address = remote.endsWith(`/p2p/${id}`) ? remote : `${remote}/p2p/${id}`;
    const isNew = !this.#entries.has(id);
    const known = this.#entries.get(id)?.addresses.filter((one) => one !== address) ?? [];
    const addresses = [address, ...known].slice(0, BOOK_ADDRESSES_MAX);
    const entry = { id, addresses, lastSuccess: this.#clock.now(), failures: 0 };
    const prefix = prefixOfEntry(entry);
    if (prefix === null) return;
    this.#entries.set(id, entry);
    if (prefix !== LOOPBACK_PREFIX) {
      this.#trim(
        [...this.#entries.values()].filter((one) => prefixOfEntry(one) === prefix),
        PER_PREFIX,
      );
    }
    this.#trim([...this.#entries.values()], BOOK_MAX);
    this.#changed(isNew && this.#entries.size <= FIRST_PEERS);
  }

  /** Drops the least useful of `entries` down to `max`. */
  #trim(entries: readonly BookEntry[], max: number): void {
    if (entries.length <= max) return;
    const worst = entries.toSorted((a, b) => b.failures - a.failures || a.lastSuccess - b.lastSuccess);
    for (const { id } of worst.slice(0, entries.length - max)) this.#entries.delete(id);
  }

  #changed(isUrgent = false): void {
    if (this.#isRunning) this.#writing.runWithin(isUrgent ? FIRST_WRITE_MS : WRITE_INTERVAL_MS);
  }

  #write(): void {
    const now = this.#clock.now();
    for (const { remotePeer } of this.#network.getConnections()) {
      const entry = this.#entries.get(remotePeer.toString());
      if (entry !== undefined) this.#entries.set(entry.id, { ...entry, lastSuccess: now });
    }
    try {
      writeBook(this.#path, [...this.#entries.values()]);
    } catch (error) {
      this.#log.warn({ path: this.#path, reason: errorMessage(error) }, 'the peer book was not written');
    }
  }
}

/** The prefix of a peer's latest address; null for one that is no address of a node. */
function prefixOfEntry({ id, addresses }: BookEntry): string | null {
  try {
    const text = addresses[0]?.slice(0, -`/p2p/${id}`.length) ?? '';
    return prefixOf(parseNodeAddress(multiaddr(text).bytes).host);
  } catch (error) {
    if (error instanceof CodedError || error instanceof Error) return null;
    throw error;
  }
}
