import type { PeerId } from '@libp2p/interface';
import { LOOPBACK_PREFIX } from '../../../protocols/common/address-prefix.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import { GONE_MAX, type GoneMember, type Member } from '../../../protocols/storage/index.ts';
import {
  MEMBERS_LOOK_MS,
  MEMBERS_MAX,
  MEMBERS_TICK_MS,
  MEMBERS_WRITE_MS,
  PROBES_AT_ONCE,
} from '../api/limits.ts';
import {
  abandon,
  goneOf,
  hasSuccessor,
  type Known,
  kadIdOf,
  keptOf,
  probeAfter,
  tooManyAbandoned,
} from './member-rules.ts';
import { type KeptMember, readMembers, writeMembers } from './members-file.ts';
import type { MembersComponents, MembersInit } from './members-init.ts';
import type { Offer } from './offers.ts';
import { Settling } from './settling.ts';

/**
 * The nodes that may be replicas: full nodes that were dialled back and offer room, and this one; live, or gone for
 * less than the down timeout. The last sponsors of an operator stay members however long they are gone, so that no node
 * treats what they hold as missing. Kept on disk: a node that starts again does not take itself for the whole swarm.
 */
export class Members {
  readonly #components: MembersComponents;
  readonly #init: MembersInit;
  readonly #known = new Map<string, Known>();
  /** Members removed after the down timeout, with the time of removal: old news does not bring them back. */
  readonly #removed = new Map<string, number>();
  readonly #probing = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #list: readonly Known[] | null = null;
  #version = 1;
  readonly #settling: Settling;
  readonly #looking: RepeatingTask;
  #isDirty = false;
  #wroteAt = 0;
  #revocationsSeen = -1;
  #refreshedAt = -Infinity;
  /** How long this node was away before it started; 0 when it never was there. */
  readonly awayMs: number;

  /** Reads the file. */
  constructor(components: MembersComponents, init: MembersInit) {
    this.#components = components;
    this.#init = init;
    this.#settling = new Settling(components);
    this.#looking = new RepeatingTask(
      { clock: components.clock, run: () => this.#tick(), onError: (error) => this.#unseen(error) },
      { intervalMs: MEMBERS_TICK_MS },
    );
    const now = components.clock.now();
    const kept = readMembers(init.path, components.logger);
    this.awayMs = kept === null ? 0 : Math.max(0, now - kept.at);
    if (init.self !== null) this.#addSelf(init.self, kept?.members ?? [], now);
    for (const member of kept?.members ?? []) if (member.id !== init.self) this.#addKept(member, now);
    // who keeps nothing sees no replicas in anybody's stead, and who was here before knows them
    this.#settling.isGoneKnown = init.self === null || this.#others > 0;
    if (this.#others > 0) this.#settling.remembered();
  }

  start(): void {
    if (this.#looking.isStarted) return;
    this.#looking.start();
    this.refresh();
    this.#write();
  }

  stop(): void {
    if (!this.#looking.isStarted) return;
    void this.#looking.stop();
    this.#write();
  }

  /** All members, this node included when it stores. The same list as long as `version` is. */
  get list(): readonly Member[] {
    this.#list ??= [...this.#known.values()];
    return this.#list;
  }

  /** Grows when a node becomes a member or ceases to be one. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Whether this node knows the members as far as it can. One that had its share and is left alone goes on, as two would. */
  get isSettled(): boolean {
    return this.#others === 0 ? this.#init.mayBeAlone || this.wasReady : this.#settling.isSettled;
  }

  /** Whether there are others, and none was added for a while. */
  get isQuiet(): boolean {
    return this.#others > 0 && this.#settling.isQuiet;
  }

  get #others(): number {
    return this.#known.size - (this.#init.self === null ? 0 : 1);
  }

  /** Those that are gone, for the shortest time first: as many as are told others. */
  get gone(): GoneMember[] {
    return goneOf(this.#known.values(), this.#components.clock.now());
  }

  /** Adds down members that other nodes still count, until the same time as at those nodes. */
  learnDown(gone: readonly GoneMember[]): void {
    this.#settling.undisturbed(() => {
      for (const one of gone.slice(0, GONE_MAX)) this.#learn(one);
    });
    this.#settling.isGoneKnown = true;
  }

  #learn({ id, prefix, operator, forMs }: GoneMember): void {
    const { clock, logger } = this.#components;
    const now = clock.now();
    const since = now - forMs;
    const known = this.#known.get(id);
    if (known?.isLive === false) known.goneSince = Math.min(known.goneSince ?? now, since);
    const isLate = forMs > this.#init.downTimeoutMs;
    const isOver = isLate && (operator === '' || hasSuccessor(this.#known.values(), operator));
    if (known !== undefined || this.#removed.has(id) || isOver) return;
    try {
      const sponsor = this.#sponsorship(id, operator);
      this.#add({ id, prefix, lastSeen: since, isLive: false, goneSince: since, ...sponsor });
    } catch (error) {
      logger.debug({ id, reason: errorMessage(error) }, 'a member that is said to be gone is no peer id');
    }
  }

  /** Whether this node has its share of what its operator sponsors, and counts as a replica of it. */
  get isReady(): boolean {
    return this.#init.self !== null && this.#known.get(this.#init.self)?.isReady === true;
  }

  /** This node has its share now. On disk when this returns. */
  becomeReady(): void {
    const own = this.#known.get(this.#init.self ?? '');
    if (own === undefined || own.isReady) return;
    [own.isReady, own.wasReady] = [true, true];
    this.#altered();
    this.#write();
  }

  /** Whether this node had its share when it ran last. */
  get wasReady(): boolean {
    return this.#init.self !== null && this.#known.get(this.#init.self)?.wasReady === true;
  }

  /** The other sponsors of this node's operator that have their share, or had it when they were heard of last. */
  get fellows(): readonly Pick<Known, 'id' | 'isLive'>[] {
    const others = [...this.#known.values()].filter(({ id }) => id !== this.#init.self);
    return others.filter((one) => one.wasReady && one.operator === this.#init.operator);
  }

  /** Hearsay about a member's operator counts unless this node knows of its revocation. */
  #sponsorship(id: string, operator: string): Pick<Known, 'operator' | 'isReady' | 'wasReady'> {
    const isSponsor = operator !== '' && !this.#components.revocations.isRevoked(operator, id);
    return { operator: isSponsor ? operator : '', isReady: isSponsor, wasReady: isSponsor };
  }

  /** Whether a member has been gone for longer than `ms`. */
  isGoneFor(id: string, ms: number): boolean {
    const goneSince = this.#known.get(id)?.goneSince ?? null;
    return goneSince !== null && this.#components.clock.now() - goneSince > ms;
  }

  isMember(id: string): boolean {
    return this.#known.has(id);
  }

  isLive(id: string): boolean {
    return this.#known.get(id)?.isLive ?? false;
  }

  /** `listener` is told when somebody becomes a member, ceases to be one, comes or goes. Returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Somebody connected. */
  connected(peer: PeerId): void {
    const known = this.#known.get(peer.toString());
    if (known !== undefined) this.#seen(known, this.#components.clock.now());
  }

  /** Probes a member whose last connection closed. */
  disconnected(peer: PeerId): void {
    const known = this.#known.get(peer.toString());
    if (known === undefined) return;
    known.probeAt = 0;
    this.#probe(known);
  }

  /** Adds members from the directory, checks unconnected ones, and removes those past the down timeout. */
  refresh(): void {
    const now = this.#components.clock.now();
    this.#refreshedAt = now;
    this.#lookAtSelf(now);
    this.#takeNews(now);
    for (const known of this.#known.values()) {
      if (known.id !== this.#init.self) this.#look(known, now);
    }
    if (this.#isDirty || now - this.#wroteAt >= MEMBERS_WRITE_MS) this.#write();
  }

  #unseen(error: unknown): void {
    this.#components.logger.warn({ reason: errorMessage(error) }, 'the members could not be updated');
  }

  #tick(): void {
    const now = this.#components.clock.now();
    if (now - this.#refreshedAt >= MEMBERS_LOOK_MS) this.refresh();
    else this.#takeNews(now);
  }

  /** Adds new members and removes those that are no longer members. */
  #takeNews(now: number): void {
    for (const offer of this.#components.offers()) this.#take(offer);
    const { downTimeoutMs, operator } = this.#init;
    for (const known of this.#known.values()) {
      if (known.goneSince === null || now - known.goneSince <= downTimeoutMs) continue;
      if (this.#components.isConnected(known.id)) this.#seen(known, now);
      else if (!known.isReady || hasSuccessor(this.#known.values(), known.operator)) this.#remove(known, now);
      else if (abandon(known, true)) this.#altered();
    }
    for (const known of tooManyAbandoned(this.#known.values(), { now, downTimeoutMs, own: operator }))
      this.#remove(known, now);
    this.#heedRevocations();
  }

  #heedRevocations(): void {
    const { revocations } = this.#components;
    if (this.#revocationsSeen === revocations.version) return;
    this.#revocationsSeen = revocations.version;
    for (const known of this.#known.values()) {
      if (known.operator === '' || !revocations.isRevoked(known.operator, known.id)) continue;
      [known.operator, known.isReady, known.wasReady] = ['', false, false];
      this.#altered();
    }
  }

  #remove(known: Known, now: number): void {
    this.#known.delete(known.id);
    if (this.#removed.size >= MEMBERS_MAX) this.#removed.clear();
    this.#removed.set(known.id, now);
    this.#changed();
  }

  #lookAtSelf(now: number): void {
    const prefix = this.#components.ownPrefix();
    const own = this.#known.get(this.#init.self ?? '');
    if (own !== undefined && prefix !== null) this.#take({ ...own, prefix, lastSeen: now });
  }

  #take({ id, prefix, lastSeen, operator, isReady }: Offer): void {
    const known = this.#known.get(id);
    if (known === undefined) {
      const removedAt = this.#removed.get(id);
      if (removedAt !== undefined && lastSeen <= removedAt) return;
      const sponsor = { operator, isReady, wasReady: isReady };
      this.#add({ id, prefix, lastSeen, ...sponsor, isLive: true, goneSince: null });
    } else {
      if (known.operator !== operator || known.isReady !== isReady) {
        known.wasReady = isReady || (known.wasReady && known.operator === operator);
        [known.operator, known.isReady] = [operator, isReady];
        this.#altered();
      }
      if (known.prefix !== prefix) {
        known.prefix = prefix;
        this.#changed();
      }
      // what the directory saw before this node found it gone is no news
      if (lastSeen > Math.max(known.lastSeen, known.goneSince ?? 0)) this.#seen(known, lastSeen);
    }
  }

  #look(known: Known, now: number): void {
    if (this.#components.isConnected(known.id)) return this.#seen(known, now);
    if (now >= known.probeAt) this.#probe(known);
  }

  #probe(known: Known): void {
    if (!this.#looking.isStarted || this.#probing.size >= PROBES_AT_ONCE || this.#probing.has(known.id))
      return;
    const [{ clock, dial }, { downTimeoutMs }] = [this.#components, this.#init];
    this.#probing.add(known.id);
    known.probeAt = clock.now() + probeAfter(downTimeoutMs, this.isGoneFor(known.id, downTimeoutMs));
    dial(known.id)
      .then(
        () => this.#seen(known, clock.now()),
        () => this.#missed(known, clock.now()),
      )
      .finally(() => this.#probing.delete(known.id))
      .catch(() => undefined);
  }

  #seen(known: Known, at: number): void {
    known.lastSeen = Math.max(known.lastSeen, at);
    known.goneSince = null;
    if (abandon(known, false)) this.#altered();
    known.probeAt = at + probeAfter(this.#init.downTimeoutMs);
    if (known.isLive) return;
    known.isLive = true;
    this.#tell();
  }

  #missed(known: Known, at: number): void {
    if (this.#components.isConnected(known.id)) return;
    known.goneSince ??= at;
    if (!known.isLive) return;
    known.isLive = false;
    this.#tell();
  }

  /**
   * A member that returns within the down timeout counts as before; otherwise others took over, and it copies its share
   * again.
   */
  #addSelf(id: string, kept: readonly KeptMember[], now: number): void {
    const before = kept.find((one) => one.id === id);
    const { operator, downTimeoutMs } = this.#init;
    const wasReady = before?.operator === operator && operator !== '';
    const isReady = wasReady && this.awayMs <= downTimeoutMs;
    const prefix = before?.prefix ?? LOOPBACK_PREFIX;
    this.#add({ id, prefix, lastSeen: now, operator, isReady, wasReady, isLive: true, goneSince: null });
  }

  #addKept({ id, prefix, operator }: KeptMember, now: number): void {
    try {
      const sponsor = this.#sponsorship(id, operator);
      this.#add({ id, prefix, lastSeen: now, isLive: false, goneSince: null, ...sponsor });
    } catch (error) {
      this.#components.logger.warn(
        { id, reason: errorMessage(error) },
        'a member kept on disk is no peer id',
      );
    }
  }

  #add(member: Omit<Known, 'kadId' | 'probeAt'>): void {
    if (this.#known.size >= MEMBERS_MAX) return;
    const kadId = kadIdOf(this.#components.crypto, member.id);
    this.#known.set(member.id, { ...member, kadId, probeAt: 0 });
    this.#removed.delete(member.id);
    this.#changed();
  }

  #changed(): void {
    this.#settling.changed();
    this.#altered();
  }

  /** Notes that the same members count differently now. */
  #altered(): void {
    this.#version += 1;
    this.#list = null;
    this.#isDirty = true;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #write(): void {
    const { clock, logger } = this.#components;
    const now = clock.now();
    this.#isDirty = false;
    this.#wroteAt = now;
    try {
      writeMembers(this.#init.path, { at: now, members: [...this.#known.values()].map(keptOf) });
    } catch (error) {
      logger.warn({ reason: errorMessage(error) }, 'the members of the swarm could not be written');
    }
  }
}
