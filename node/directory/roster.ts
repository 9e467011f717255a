import { bytesKey } from '../../protocols/common/bytes.ts';
import { CLOCK_SKEW_MS, type Clock } from '../../protocols/common/clock.ts';
import type { SignedAnnouncement } from '../../protocols/nodes/index.ts';
import { addressesOf, type Entry, type EntryAddress, NO_ADDRESS, peerOf } from './entry.ts';
import { Pool } from './pool.ts';

export interface RosterInit {
  /** Nodes in all. */
  readonly max: number;
  /** Nodes of one prefix. */
  readonly perPrefix: number;
  /** Count 127.0.0.0/8 by its /24s; otherwise loopback is not counted. */
  readonly splitLoopback: boolean;
}

/** The part of the directory that hearsay may have; the rest is for nodes that were dialled back. */
const HEARSAY_SHARE = 1 / 4;
/** Failed dial-backs after which a node is hearsay again. */
const FAILURES_MAX = 3;

/**
 * The nodes of the directory, in two pools: nodes that were reached at an address they announced, counted under the prefix of
 * that address, and hearsay. Neither can push out one of the other. An announcement may name addresses of many prefixes, so
 * hearsay takes room in one only: the one with the fewest.
 */
export class Roster {
  readonly #clock: Clock;
  readonly #init: RosterInit;
  readonly #byKey = new Map<string, Entry>();
  readonly #byId = new Map<string, Entry>();
  readonly #verified: Pool;
  readonly #hearsay: Pool;

  constructor(components: { readonly clock: Clock }, init: RosterInit) {
    this.#clock = components.clock;
    this.#init = init;
    const { perPrefix } = init;
    const hearsayMax = Math.max(1, Math.floor(init.max * HEARSAY_SHARE));
    this.#verified = new Pool({
      max: Math.max(1, init.max - hearsayMax),
      perPrefix,
      compareWorth: (a, b) => b.failures - a.failures || a.lastSeen - b.lastSeen,
      isSpent: (entry) => this.#isExpired(entry),
    });
    this.#hearsay = new Pool({
      max: hearsayMax,
      perPrefix,
      compareWorth: (a, b) => b.failures - a.failures || a.lastSeen - b.lastSeen,
      // whoever was not found at any address told is less than one who was not asked yet
      isSpent: (entry) => entry.failures > 0 || this.#isExpired(entry),
    });
  }

  get verifiedCount(): number {
    return this.#verified.size;
  }

  get hearsayCount(): number {
    return this.#hearsay.size;
  }

  /** Those that were reached, then hearsay. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    yield* this.#verified;
    yield* this.#hearsay;
  }

  get(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  ofAuthor(author: Uint8Array): Entry | undefined {
    return this.#byKey.get(bytesKey(author));
  }

  /** Takes an announcement that is newer than the one held; null when there is no room for its node. */
  put(announcement: SignedAnnouncement): Entry | null {
    const known = this.ofAuthor(announcement.author);
    if (known !== undefined) return this.#renew(known, announcement);
    const peer = peerOf(announcement.author);
    const addresses = addressesOf(peer, announcement, this.#init.splitLoopback);
    const entry: Entry = {
      peer,
      id: peer.toString(),
      announcement,
      addresses,
      isVerified: false,
      prefix: NO_ADDRESS,
      reachedAt: null,
      lastSeen: 0,
      dialAt: 0,
      failures: 0,
      isDialling: false,
    };
    if (!this.#addHearsay(entry)) return null;
    this.#byKey.set(bytesKey(announcement.author), entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  /** `entry` was reached at `address`. False when there is no room among those that were: it stays what it is. */
  verify(entry: Entry, address: EntryAddress): boolean {
    if (this.#byId.get(entry.id) !== entry) return false;
    if (entry.isVerified && entry.prefix === address.prefix) {
      this.#reached(entry, address);
      return true;
    }
    const former = { prefix: entry.prefix, isVerified: entry.isVerified };
    this.#poolOf(entry).delete(entry);
    entry.prefix = address.prefix;
    const evicted = this.#verified.add(entry);
    if (evicted === null) {
      // it gives its old place to nobody: there is room for it where it was
      Object.assign(entry, former);
      this.#poolOf(entry).add(entry);
      return false;
    }
    for (const one of evicted) this.#forget(one);
    entry.isVerified = true;
    this.#reached(entry, address);
    return true;
  }

  /** A dial-back of `entry` failed. One that was verified is hearsay after some. */
  failed(entry: Entry): void {
    if (this.#byId.get(entry.id) !== entry) return;
    entry.failures += 1;
    if (entry.isVerified && entry.failures >= FAILURES_MAX) this.#demote(entry);
  }

  /** Drops those that have expired. */
  dropExpired(): void {
    for (const entry of this) if (this.#isExpired(entry)) this.drop(entry);
  }

  drop(entry: Entry): void {
    this.#poolOf(entry).delete(entry);
    this.#forget(entry);
  }

  #renew(entry: Entry, announcement: SignedAnnouncement): Entry | null {
    const before = entry.addresses.map(({ text }) => text).join();
    entry.announcement = announcement;
    entry.addresses = addressesOf(entry.peer, announcement, this.#init.splitLoopback);
    if (entry.addresses.map(({ text }) => text).join() === before) return entry;
    if (entry.isVerified) {
      const { reachedAt } = entry;
      const still = entry.addresses.find(({ text }) => text === reachedAt?.text);
      if (still !== undefined) return entry;
      this.#demote(entry);
    } else {
      this.#hearsay.delete(entry);
      if (!this.#addHearsay(entry)) this.#forget(entry);
    }
    // a node that moved is looked for at its new place at once
    entry.failures = 0;
    entry.dialAt = 0;
    return this.#byId.get(entry.id) === entry ? entry : null;
  }

  #reached(entry: Entry, address: EntryAddress): void {
    entry.reachedAt = address;
    entry.failures = 0;
    entry.lastSeen = this.#clock.now();
  }

  #demote(entry: Entry): void {
    this.#verified.delete(entry);
    entry.isVerified = false;
    entry.reachedAt = null;
    if (!this.#addHearsay(entry)) this.#forget(entry);
  }

  /** Puts `entry` where the fewest are of the prefixes it names. */
  #addHearsay(entry: Entry): boolean {
    const prefixes = new Set(entry.addresses.map(({ prefix }) => prefix));
    if (prefixes.size === 0) prefixes.add(NO_ADDRESS);
    const sorted = [...prefixes].toSorted((a, b) => this.#hearsay.countOf(a) - this.#hearsay.countOf(b));
    entry.prefix = sorted[0] ?? NO_ADDRESS;
    const evicted = this.#hearsay.add(entry);
    for (const one of evicted ?? []) this.#forget(one);
    return evicted !== null;
  }

  #poolOf(entry: Entry): Pool {
    return entry.isVerified ? this.#verified : this.#hearsay;
  }

  #forget(entry: Entry): void {
    this.#byKey.delete(bytesKey(entry.announcement.author));
    this.#byId.delete(entry.id);
  }

  #isExpired({ announcement }: Entry): boolean {
    return announcement.expiry + CLOCK_SKEW_MS <= this.#clock.now();
  }
}
