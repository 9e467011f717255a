import type { Clock } from '../common/clock.ts';
import { ConcurrencyLimit } from '../common/concurrency-limit.ts';
import type { Crypto } from '../common/crypto.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { IGNORED_DEFAULT, PeerReputation } from '../common/peer-reputation.ts';
import { RATED_PEERS_MAX, RateLimit } from '../common/rate-limit.ts';
import { Refusal } from '../common/refusal.ts';
import { decodeNotice, decodePolicy, signingBytes } from './codec.ts';
import {
  PUSHED_BURST,
  PUSHED_PER_SECOND,
  REPLACED_BURST,
  REPLACED_PER_SECOND,
  VERIFIED_BURST,
  VERIFIED_PER_SECOND,
  VERIFY_QUEUE_MAX,
  VERIFY_QUEUE_MAX_PER_PEER,
} from './constants.ts';
import { NamespacesError } from './errors.ts';
import type { NamespacesMetrics } from './metrics.ts';
import {
  actsOf,
  type NamespaceName,
  type NoticeAct,
  type RevocationTarget,
  type SignedNotice,
  type SignedPolicy,
  type SponsorshipPlace,
} from './notice.ts';
import { checkSuccessor, checkTime, type PolicyHead, type SponsorshipHead, supersedes } from './validate.ts';

/** Notices held by a node. */
export interface HeldNotices {
  has(digest: Uint8Array): boolean;
  headOf(name: NamespaceName): PolicyHead | undefined;
  /** Whether `as` revoked it already: a second revocation adds nothing. */
  isRevokedBy(target: RevocationTarget, as: string): boolean;
  /** Whether it was held, its copy was damaged, and one that follows it is still there: its digest vouches for it. */
  isMissing(policy: SignedPolicy): boolean;
  /** The sponsorship known in this place. */
  sponsorshipIn(place: SponsorshipPlace): SponsorshipHead | undefined;
  /** Why there is no room for it; null where there is. */
  refusal(notice: SignedNotice): string | null;
  /** Takes a verified one; a sponsorship in place of the one before. */
  put(notice: SignedNotice): void;
}

/**
 * Whether the chain shows that the author may do this in the name of `as`. Throws a `Refusal`: with fault `sender` for what
 * needs no context, with fault `context` where it depends on what this node knows (something was revoked); `overloaded`.
 */
export type VerifyNotice = (act: NoticeAct) => void | Promise<void>;

export interface NoticeAdmissionComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly held: HeldNotices;
  readonly verify: VerifyNotice;
  readonly metrics: NamespacesMetrics;
}

/** `asked`: this node asked for it, so that only proven faults count. `own`: of this node's operator or client. */
export type NoticeOrigin = 'pushed' | 'asked' | 'own';

/**
 * Decides about every notice: size, form, fields, clock, whether it is new and follows what is known, room, signature, chain; in
 * that order, cheapest first. Nobody is charged for a notice that is known, early, or came second.
 */
export class NoticeAdmission {
  readonly #components: NoticeAdmissionComponents;
  readonly #swarm: string;
  readonly #conduct: PeerReputation;
  readonly #pushed: RateLimit;
  readonly #verified: RateLimit;
  /** Sponsorships that replace others, by operator. */
  readonly #replaced: RateLimit;
  readonly #pending = new ConcurrencyLimit({ max: VERIFY_QUEUE_MAX, maxPerKey: VERIFY_QUEUE_MAX_PER_PEER });

  constructor(components: NoticeAdmissionComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    this.#conduct = new PeerReputation(components, IGNORED_DEFAULT);
    const rate = (perSecond: number, burst: number): RateLimit =>
      new RateLimit(components, { perSecond, burst, debtMax: perSecond, maxKeys: RATED_PEERS_MAX });
    this.#pushed = rate(PUSHED_PER_SECOND, PUSHED_BURST);
    this.#verified = rate(VERIFIED_PER_SECOND, VERIFIED_BURST);
    this.#replaced = rate(REPLACED_PER_SECOND, REPLACED_BURST);
  }

  /** Notices that wait for verification now. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Whether `peer` is to be graylisted for what it sent, over reconnections. */
  isGraylisted(peer: string): boolean {
    return this.#conduct.isGraylisted(peer);
  }

  /** Holds a frame that could not be read against the peer that sent it. */
  refuse(peer: string, error: NamespacesError, origin: NoticeOrigin): void {
    this.#components.metrics.refused[error.code] += 1;
    if (origin === 'pushed' || (origin === 'asked' && error.fault === 'sender')) {
      this.#conduct.charge(peer, error);
    }
  }

  /** The notice in `bytes`, verified and put among those held. Throws `NamespacesError` when it is not taken. */
  async admit(bytes: Uint8Array, peer: string, origin: NoticeOrigin): Promise<SignedNotice> {
    try {
      return await this.#check(bytes, peer, origin);
    } catch (error) {
      if (error instanceof NamespacesError) this.refuse(peer, error, origin);
      throw error;
    }
  }

  /**
   * Takes policies of one namespace that were asked for, in their order. One whose author was revoked since is taken when a
   * later one names it whose author may act for the same holder: who saw them before the revocation has both. Throws as `admit`
   * for the first that is not taken; those before it are.
   */
  async admitHistory(list: readonly Uint8Array[], name: NamespaceName, peer: string): Promise<void> {
    const withheld: SignedPolicy[] = [];
    try {
      for (const bytes of list) await this.#checkNext(bytes, name, peer, withheld);
    } catch (error) {
      if (error instanceof NamespacesError) this.refuse(peer, error, 'asked');
      throw error;
    }
  }

  async #check(bytes: Uint8Array, peer: string, origin: NoticeOrigin): Promise<SignedNotice> {
    const { crypto, clock, held } = this.#components;
    if (origin === 'pushed') {
      if (this.#pushed.isExceeded(peer)) throw overloaded();
      this.#pushed.charge(peer);
    }
    const notice = decodeNotice(bytes, crypto);
    checkTime(notice, clock.now());
    this.#checkNew(notice);
    const isMissing = notice.kind === 'policy' && held.isMissing(notice);
    try {
      await this.#verify(notice, peer, origin, isMissing);
    } catch (error) {
      // who withdraws itself is revoked by the copy that was taken meanwhile
      if (error instanceof NamespacesError && error.code === 'notice_unauthorised') this.#checkNew(notice);
      throw error;
    }
    // another may have been taken meanwhile
    this.#checkNew(notice);
    this.#put(notice);
    return notice;
  }

  async #checkNext(
    bytes: Uint8Array,
    name: NamespaceName,
    peer: string,
    withheld: SignedPolicy[],
  ): Promise<void> {
    const { crypto, clock, held } = this.#components;
    const policy = decodePolicy(bytes, crypto);
    if (policy.owner !== name.owner || policy.namespace !== name.namespace) {
      throw new NamespacesError('frame_malformed', 'a policy of another namespace was not asked for');
    }
    if (held.has(policy.digest)) return;
    checkTime(policy, clock.now());
    const head = held.headOf(name);
    const before = withheld.at(-1) ?? head;
    if (!held.isMissing(policy)) checkSuccessor(policy, before);
    try {
      await this.#verify(policy, peer, 'asked', held.isMissing(policy));
    } catch (error) {
      if (!(error instanceof NamespacesError) || error.code !== 'notice_unauthorised') throw error;
      // who was revoked does not hand over the namespace, or the new holder would vouch for it
      if (policy.holder !== (head?.holder ?? name.owner)) throw error;
      withheld.push(policy);
      return;
    }
    for (const one of withheld) await this.#verify(one, peer, 'asked', true);
    for (const one of [...withheld.splice(0), policy]) {
      this.#checkNew(one);
      this.#put(one);
    }
  }

  #put(notice: SignedNotice): void {
    const { held, metrics } = this.#components;
    if (notice.kind === 'sponsorship' && held.sponsorshipIn(notice) !== undefined) {
      this.#replaced.charge(notice.as);
    }
    held.put(notice);
    if (notice.kind === 'policy') metrics.policiesAccepted += 1;
    else if (notice.kind === 'revocation') metrics.revocationsAccepted += 1;
    else metrics.sponsorshipsAccepted += 1;
  }

  #checkNew(notice: SignedNotice): void {
    const { held } = this.#components;
    const isKnown =
      held.has(notice.digest) || (notice.kind === 'revocation' && held.isRevokedBy(notice.target, notice.as));
    if (isKnown) throw new NamespacesError('notice_known', 'notice is known already', true);
    if (notice.kind === 'policy') {
      if (held.isMissing(notice)) return;
      checkSuccessor(notice, held.headOf(notice));
    }
    if (notice.kind === 'sponsorship') this.#checkReplaced(notice);
    const reason = held.refusal(notice);
    if (reason !== null) throw new NamespacesError('notice_room', reason, true);
  }

  #checkReplaced(notice: SignedNotice & { readonly kind: 'sponsorship' }): void {
    const known = this.#components.held.sponsorshipIn(notice);
    if (known === undefined) return;
    if (!supersedes(notice, known)) {
      throw new NamespacesError('notice_superseded', 'a later sponsorship is known in its place', true);
    }
    if (this.#replaced.isExceeded(notice.as)) throw overloaded();
  }

  async #verify(
    notice: SignedNotice,
    peer: string,
    origin: NoticeOrigin,
    isEndorsed: boolean,
  ): Promise<void> {
    if (origin === 'pushed' && this.#verified.isExceeded(peer)) throw overloaded();
    const release = this.#pending.tryAcquire(peer);
    if (release === null) throw overloaded();
    try {
      if (origin === 'pushed') this.#verified.charge(peer);
      this.#components.metrics.noticesVerified += 1;
      const message = signingBytes(this.#swarm, notice);
      const key = decodeMultikey(notice.author);
      if (!(await this.#components.crypto.verifyEd25519(key, message, notice.signature))) {
        throw new NamespacesError('notice_signature', 'signature does not verify');
      }
      for (const act of actsOf(notice, isEndorsed)) await this.#authorise(act);
    } finally {
      release();
    }
  }

  async #authorise(act: NoticeAct): Promise<void> {
    try {
      await this.#components.verify(act);
    } catch (error) {
      if (!(error instanceof Refusal) || error instanceof NamespacesError) throw error;
      if (error.code === 'overloaded') throw overloaded();
      if (error.fault === 'sender') throw new NamespacesError('notice_chain', error.message);
      throw new NamespacesError('notice_unauthorised', error.message, error.isExcusable);
    }
  }
}

function overloaded(): NamespacesError {
  return new NamespacesError('overloaded', 'too many notices at once; ask for it later', true);
}
