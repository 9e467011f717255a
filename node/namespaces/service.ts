import { join } from 'node:path';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import { ALL_NAMESPACES } from '../../protocols/identity/index.ts';
import {
  decodeNotice,
  decodePolicy,
  NAMESPACES_PROTOCOL,
  NamespacesError,
  NoticeAdmission,
  QuestionServer,
  type RevocationTarget,
  type SignedSponsorship,
  type SponsorshipPlace,
  type VerifyNotice,
} from '../../protocols/namespaces/index.ts';
import { GRAYLISTED_SCORE } from '../network/gossip.ts';
import type { Network } from '../network/libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import { Questions } from '../transport/questions.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Namespaces, NoticeView, PolicyView, SponsorshipView } from './interface.ts';
import { NOTICE_QUESTIONS, SPONSORS_MAX, TICK_MS, UNHEARD_MAX } from './limits.ts';
import { createNamespacesServiceMetrics, type NamespacesServiceMetrics } from './metrics.ts';
import { type NoticeCounts, namespaceKey } from './notice-index.ts';
import { type NoticeRoom } from './notice-room.ts';
import { NoticeStore } from './notice-store.ts';
import { NoticeSync } from './notice-sync.ts';
import type { SponsorshipEntry } from './sponsorships.ts';

export interface NamespacesComponents {
  readonly network: Network;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly events: EventLog;
  /** Whether a chain shows that its author may act so (protocols/identity, and what is revoked). */
  readonly verify: VerifyNotice;
  /** Whether what names the operator counts, where sign-ins do at `domains` only (none: at any): nobody on the way withdrew it. */
  readonly isNamed: (sponsorship: SignedSponsorship, domains: readonly string[]) => boolean;
}

export interface NamespacesInit {
  readonly swarm: string;
  /** The node's data directory. */
  readonly data: string;
  /** Whether this node's operator vouches for a DID: a quarter of the room is kept for those. */
  readonly isSponsored?: (did: string) => boolean;
  /** Capacity, where it differs from the swarm's. */
  readonly room?: NoticeRoom;
}

/** Stands for this node's own operator, no peer. */
const SELF = '';

/**
 * Policies, revocations and sponsorships at this node: takes them from gossip, from peers it asks and from its own operator, keeps all of them, and
 * says what holds. Its role has no influence: a light node verifies as a full one does.
 */
export class NamespacesService implements Namespaces {
  readonly metrics: NamespacesServiceMetrics = createNamespacesServiceMetrics();
  readonly #components: NamespacesComponents;
  readonly #store: NoticeStore;
  readonly #admission: NoticeAdmission;
  readonly #exchange: Questions;
  readonly #sync: NoticeSync;
  readonly #listeners = new Set<() => void>();
  /** Notices that nobody was there to hear. */
  readonly #unheard = new Map<string, Uint8Array>();
  /** Sponsors of namespaces in use, by what was known at `#sponsorsRevision`. */
  readonly #sponsors = new BoundedCache<readonly string[]>(SPONSORS_MAX);
  #sponsorsRevision = 0;
  #known = 0;
  readonly #retelling: RepeatingTask;

  /** Takes what is on disk; from here until `stop` the files are this service's. */
  constructor(components: NamespacesComponents, init: NamespacesInit) {
    const { network, crypto, clock, logger, events, verify } = components;
    const { metrics } = this;
    const { swarm, data, ...bounds } = init;
    this.#components = components;
    this.#store = new NoticeStore(
      { crypto, events },
      { ...bounds, directory: join(data, 'namespaces'), onLoss: () => this.#onLoss() },
    );
    this.#admission = new NoticeAdmission({ crypto, clock, held: this.#store, verify, metrics }, { swarm });
    const server = new QuestionServer({ clock, log: this.#store, metrics });
    this.#exchange = new Questions(
      {
        network,
        logger,
        answer: (question, peer) => server.answer(question, peer),
        isGraylisted: (peer) => this.#admission.isGraylisted(peer),
        onFault: (peer, error) => {
          if (error instanceof NamespacesError) this.#admission.refuse(peer, error, 'pushed');
        },
      },
      NOTICE_QUESTIONS,
    );
    this.#sync = new NoticeSync({
      network,
      exchange: this.#exchange,
      admission: this.#admission,
      store: this.#store,
      crypto,
      clock,
      logger,
      metrics,
      onTaken: () => this.#changed(),
      spread: (notices) => {
        for (const bytes of notices) this.#say(bytes);
      },
    });
    this.#known = this.#store.revision;
    this.#retelling = new RepeatingTask(
      {
        clock,
        run: () => this.#sayAgain(),
        onError: (error) => logger.warn({ reason: errorMessage(error) }, 'notices were not gossiped again'),
      },
      { intervalMs: TICK_MS },
    );
  }

  async start(): Promise<void> {
    if (this.#retelling.isStarted) return;
    const { gossip } = this.#components.network.services;
    this.#retelling.start();
    await this.#exchange.start();
    gossip.topicValidators.set(NAMESPACES_PROTOCOL, (peer, message) => this.#validate(peer, message));
    gossip.subscribe(NAMESPACES_PROTOCOL);
    this.#sync.start();
  }

  /** Ends what runs and closes the files: it is not started again. */
  async stop(): Promise<void> {
    if (this.#retelling.isStarted) {
      await this.#retelling.stop();
      const { gossip } = this.#components.network.services;
      gossip.topicValidators.set(NAMESPACES_PROTOCOL, () => TopicValidatorResult.Ignore);
      await this.#exchange.stop();
      await this.#sync.stop();
    }
    this.#store.close();
  }

  policyOf(owner: string, namespace: string): PolicyView | null {
    return this.#store.policyOf({ owner, namespace });
  }

  historyOf(owner: string, namespace: string): readonly PolicyView[] {
    return this.#store.historyOf({ owner, namespace });
  }

  revokersOf(target: RevocationTarget): ReadonlySet<string> | undefined {
    return this.#store.revokersOf(target);
  }

  sponsorsOf(owner: string, namespace: string, formerHolder?: string): readonly string[] {
    if (this.#sponsorsRevision !== this.#store.revision) this.#sponsors.clear();
    this.#sponsorsRevision = this.#store.revision;
    const key = `${formerHolder ?? ''}\n${namespaceKey({ owner, namespace })}`;
    const known = this.#sponsors.get(key);
    if (known !== undefined) return known;
    const policy = this.policyOf(owner, namespace);
    const holder = formerHolder ?? policy?.holder ?? owner;
    const domains = policy?.rules.domains ?? [];
    const { sponsorships } = this.#store;
    const named = [namespace, ALL_NAMESPACES]
      .flatMap((one) => sponsorships.of({ holder, owner, namespace: one }))
      .filter((entry) => this.#stands(entry, domains))
      .map(({ as }) => as);
    const sponsors = [holder, ...[...new Set(named)].toSorted()];
    this.#sponsors.keep(key, sponsors, sponsors.length);
    return sponsors;
  }

  sponsorshipsBy(operator: string): readonly SponsorshipView[] {
    return this.#store.sponsorships
      .by(operator)
      .filter((entry) => this.#stands(entry, []))
      .map(({ owner, namespace, holder, as, time }) => ({ owner, namespace, holder, as, time }));
  }

  /** The sponsorship in this place, and whether it counts; null where none is known. */
  sponsorshipIn(place: SponsorshipPlace): { readonly time: number; readonly stands: boolean } | null {
    const entry = this.#store.sponsorshipIn(place);
    return entry === undefined ? null : { time: entry.time, stands: this.#stands(entry, []) };
  }

  get version(): number {
    return this.#store.revision;
  }

  async submit(bytes: Uint8Array): Promise<NoticeView> {
    // who gave them may use them for something else meanwhile
    const own = bytes.slice();
    const { crypto } = this.#components;
    try {
      await this.#admission.admit(own, SELF, 'own');
    } catch (error) {
      if (!(error instanceof NamespacesError) || error.code !== 'notice_known') throw error;
      await this.#store.flush();
      return decodeNotice(own, crypto);
    }
    await this.#store.flush();
    this.metrics.noticesSubmitted += 1;
    this.#changed();
    this.#say(own);
    return decodeNotice(own, crypto);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The adjustment of a peer's gossip score: enough to graylist a misbehaving peer, else nothing. */
  scoreOf(peer: string): number {
    return this.#admission.isGraylisted(peer) ? GRAYLISTED_SCORE : 0;
  }

  /** Why the disk does not take notices; null when it does. */
  get fault(): string | null {
    return this.#store.fault;
  }

  /** Notice counts. */
  get counts(): NoticeCounts {
    return this.#store.counts;
  }

  /** Whether it counts: neither withdrawn nor revoked. It is read only where that could be. */
  #stands(entry: SponsorshipEntry, domains: readonly string[]): boolean {
    if (entry.links === 0) return false;
    const isDirect = entry.links === 1 && domains.length === 0;
    if (isDirect && !this.#store.hasRevoked(entry.holder)) return true;
    const sponsorship = this.#store.sponsorshipOf(entry);
    return sponsorship !== null && this.#components.isNamed(sponsorship, domains);
  }

  async #validate(peer: PeerId, { data }: Message): Promise<TopicValidatorResult> {
    const { logger } = this.#components;
    const id = peer.toString();
    try {
      await this.#admission.admit(data, id, 'pushed');
      // nobody is told what this node might forget
      await this.#store.flush();
      this.#changed();
      return TopicValidatorResult.Accept;
    } catch (error) {
      if (!(error instanceof NamespacesError)) {
        logger.error({ err: error }, 'a notice could not be checked or kept');
        return TopicValidatorResult.Ignore;
      }
      logger.debug({ code: error.code, peer: id }, error.message);
      if (error.code === 'policy_early')
        this.#sync.wantHistory(id, decodePolicy(data, this.#components.crypto));
      return error.fault === 'sender' ? TopicValidatorResult.Reject : TopicValidatorResult.Ignore;
    }
  }

  /** Gossips a notice, now or when somebody is there to hear it. Peers that connect later request it. */
  #say(bytes: Uint8Array): void {
    const { network, logger } = this.#components;
    const { gossip } = network.services;
    if (gossip.getSubscribers(NAMESPACES_PROTOCOL).length === 0) {
      if (this.#unheard.size < UNHEARD_MAX) this.#unheard.set(bytesKey(bytes.subarray(-64)), bytes);
      return;
    }
    gossip.publish(NAMESPACES_PROTOCOL, bytes).catch((error: unknown) => {
      logger.debug({ reason: errorMessage(error) }, 'gossip did not take a notice');
    });
  }

  #sayAgain(): void {
    const { gossip } = this.#components.network.services;
    if (this.#unheard.size === 0 || gossip.getSubscribers(NAMESPACES_PROTOCOL).length === 0) return;
    const waiting = [...this.#unheard.values()];
    this.#unheard.clear();
    for (const bytes of waiting) this.#say(bytes);
  }

  #changed(): void {
    const { revision } = this.#store;
    if (revision === this.#known) return;
    this.#known = revision;
    for (const listener of this.#listeners) listener();
  }

  #onLoss(): void {
    // whoever found the damage is still reading
    queueMicrotask(() => {
      if (!this.#retelling.isStarted) return;
      this.#sync.restart();
      this.#known = -1;
      this.#changed();
    });
  }
}
