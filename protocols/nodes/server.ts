import { bytesKey } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import { ConcurrencyLimit } from '../common/concurrency-limit.ts';
import type { Crypto } from '../common/crypto.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { IGNORED_DEFAULT, PeerReputation } from '../common/peer-reputation.ts';
import { RATED_PEERS_MAX, RateLimit } from '../common/rate-limit.ts';
import type { SignedAnnouncement } from './announcement.ts';
import { decodeAnnouncement, decodeRequest, encodePage, fitsPage, signingBytes } from './codec.ts';
import {
  PAGES_BURST,
  PAGES_PER_SECOND,
  PAGES_TOTAL_BURST,
  PAGES_TOTAL_PER_SECOND,
  VERIFIED_BURST,
  VERIFIED_PER_SECOND,
  VERIFY_QUEUE_MAX,
} from './constants.ts';
import { NodesError } from './errors.ts';
import type { NodesMetrics } from './metrics.ts';
import { checkReplaces, checkTime } from './validate.ts';

/** Announcements held by a node. */
export interface HeldAnnouncements {
  /** Time of the one held of `author`; undefined for none. */
  timeOf(author: Uint8Array): number | undefined;
  /** Takes a verified one. False when there is no room for it. */
  put(announcement: SignedAnnouncement): boolean;
}

export interface NodeAdmissionComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly held: HeldAnnouncements;
  readonly metrics: NodesMetrics;
  /** Rejects with `NodesError` where the chain does not show by itself that the operator lets the author be its sponsor. */
  readonly verifyOperator: (announcement: SignedAnnouncement, peer: string) => Promise<void>;
}

/** `asked`: this node asked for it, so it is nobody's fault when it is old or late. */
export type Origin = 'pushed' | 'asked';

/**
 * Decides about every announcement that comes from a peer: size, form, clock, newer than the one known, signature,
 * operator, room; in that order, cheapest first.
 */
export class NodeAdmission {
  readonly #components: NodeAdmissionComponents;
  readonly #swarm: string;
  readonly #conduct: PeerReputation;
  readonly #verified: RateLimit;
  readonly #pending = new ConcurrencyLimit({ max: VERIFY_QUEUE_MAX, maxPerKey: VERIFY_QUEUE_MAX / 4 });

  constructor(components: NodeAdmissionComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    this.#conduct = new PeerReputation(components, IGNORED_DEFAULT);
    this.#verified = new RateLimit(components, {
      perSecond: VERIFIED_PER_SECOND,
      burst: VERIFIED_BURST,
      debtMax: VERIFIED_BURST,
      maxKeys: RATED_PEERS_MAX,
    });
  }

  /** Whether `peer` is to be graylisted for what it sent, over reconnections. */
  isGraylisted(peer: string): boolean {
    return this.#conduct.isGraylisted(peer);
  }

  /** The announcement in `bytes`, verified and put among those held. Throws `NodesError` when it is not taken. */
  async admit(bytes: Uint8Array, peer: string, origin: Origin): Promise<SignedAnnouncement> {
    const { metrics } = this.#components;
    try {
      const announcement = await this.#check(bytes, peer);
      metrics.announcementsAccepted += 1;
      return announcement;
    } catch (error) {
      if (error instanceof NodesError && (origin === 'pushed' || error.fault === 'sender')) {
        metrics.refused[error.code] += 1;
        this.#conduct.charge(peer, error);
      }
      throw error;
    }
  }

  async #check(bytes: Uint8Array, peer: string): Promise<SignedAnnouncement> {
    const { crypto, clock, held } = this.#components;
    const announcement = decodeAnnouncement(bytes, crypto);
    checkTime(announcement, clock.now());
    checkReplaces(announcement, held.timeOf(announcement.author));
    await this.#verify(announcement, peer);
    // another copy may have been verified meanwhile
    checkReplaces(announcement, held.timeOf(announcement.author));
    if (!held.put(announcement)) {
      throw new NodesError('announcement_crowded', 'there is no room for more of this prefix', true);
    }
    return announcement;
  }

  async #verify(announcement: SignedAnnouncement, peer: string): Promise<void> {
    const { author, digest, signature } = announcement;
    const release = this.#verified.isExceeded(peer) ? null : this.#pending.tryAcquire(peer);
    if (release === null) {
      throw new NodesError('overloaded', 'too many announcements to verify', true);
    }
    try {
      this.#verified.charge(peer);
      const message = signingBytes(this.#swarm, digest);
      const key = decodeMultikey(author);
      if (!(await this.#components.crypto.verifyEd25519(key, message, signature))) {
        throw new NodesError('announcement_signature', 'signature does not verify');
      }
      await this.#components.verifyOperator(announcement, peer);
    } finally {
      release();
    }
  }
}

export interface PageServerComponents {
  readonly clock: Clock;
  /** Announcements held now, in any order. */
  readonly held: () => Iterable<SignedAnnouncement>;
  readonly metrics: NodesMetrics;
}

/** Answers peers that ask for announcements, page by page in the order of their keys. */
export class PageServer {
  readonly #components: PageServerComponents;
  readonly #rate: RateLimit;

  constructor(components: PageServerComponents) {
    this.#components = components;
    this.#rate = new RateLimit(components, {
      perSecond: PAGES_PER_SECOND,
      burst: PAGES_BURST,
      debtMax: PAGES_BURST,
      maxKeys: RATED_PEERS_MAX,
      total: { perSecond: PAGES_TOTAL_PER_SECOND, burst: PAGES_TOTAL_BURST, debtMax: PAGES_TOTAL_BURST },
    });
  }

  /** The answer to `request` of `peer`. Throws `NodesError` for one that cannot be read. */
  answer(request: Uint8Array, peer: string): Uint8Array {
    const { metrics } = this.#components;
    const { cursor, limit } = decodeRequest(request);
    if (this.#rate.take(peer) > 0) {
      metrics.pagesRefused += 1;
      return encodePage({ announcements: [], next: new Uint8Array(), error: 'rate_limited' });
    }
    metrics.pagesAnswered += 1;
    const after = bytesKey(cursor);
    const rest = [...this.#components.held()]
      .map((announcement) => ({ key: bytesKey(announcement.author), announcement }))
      .filter(({ key }) => key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ announcement }) => announcement);
    const count = fitsPage(
      rest.map(({ bytes }) => bytes),
      limit,
    );
    const page = rest.slice(0, count);
    const next = count < rest.length ? page.at(-1)?.author : undefined;
    return encodePage({
      announcements: page.map(({ bytes }) => bytes),
      next: next ?? new Uint8Array(),
      error: '',
    });
  }
}
