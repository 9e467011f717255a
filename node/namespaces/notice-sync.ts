import type { Connection, IdentifyResult, PeerId } from '@libp2p/interface';
import { backOffMs } from '../../protocols/common/back-off.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import {
  type Ask,
  collectHistory,
  collectNotices,
  decodePolicy,
  EXCHANGE_HISTORIES_MAX,
  type LogPosition,
  NAMESPACES_PROTOCOL,
  type NamespaceName,
  NamespacesError,
  type NoticeAdmission,
} from '../../protocols/namespaces/index.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import type { Questions } from '../transport/questions.ts';
import {
  EXCHANGE_MS,
  EXCHANGE_TIMEOUT_MS,
  EXCHANGES_AT_ONCE,
  HISTORIES_WAITING_MAX,
  POSITIONS_MAX,
  RETRY_MAX_MS,
  RETRY_MS,
  SPREAD_MAX,
  TICK_MS,
  VAIN_MAX,
} from './limits.ts';
import type { NamespacesServiceMetrics } from './metrics.ts';
import { namespaceKey } from './notice-index.ts';
import type { NoticeStore } from './notice-store.ts';

export interface NoticeSyncComponents {
  readonly network: Network;
  readonly exchange: Questions;
  readonly admission: NoticeAdmission;
  readonly store: NoticeStore;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly metrics: NamespacesServiceMetrics;
  /** Told after notices of a peer were taken. */
  readonly onTaken: () => void;
  /** Gossips what others may not have either. */
  readonly spread: (notices: readonly Uint8Array[]) => void;
}

/** A connected peer that speaks the protocol. */
interface Neighbour {
  readonly peer: PeerId;
  /** Namespaces of which it showed a policy whose predecessor is not here. */
  readonly histories: Map<string, NamespaceName>;
  dueAt: number;
  failures: number;
  isAsked: boolean;
  /** New notices from this peer, at most one more than are spread. */
  news: Uint8Array[];
  /** Notices from it in this exchange that failed verification. */
  vain: number;
}

const NOWHERE: LogPosition = { log: new Uint8Array(), position: 0 };
/** Reasons for which a notice is to be asked for again: they pass. */
const PASSING: ReadonlySet<string> = new Set(['overloaded', 'notice_clock']);
/** Notices of one answer that are checked at a time: what the thread pool can do beside other work. */
const CHECKED_AT_ONCE = 16;

/** Asks peers for notices: each when it connects and again and again, and whoever shows that it knows more. */
export class NoticeSync {
  readonly #components: NoticeSyncComponents;
  readonly #neighbours = new Map<string, Neighbour>();
  /** How far the logs of peers were read, connected or not. */
  readonly #positions = new Map<string, LogPosition>();
  readonly #asking = new Set<Promise<void>>();
  readonly #looking: RepeatingTask;

  constructor(components: NoticeSyncComponents) {
    this.#components = components;
    const { clock, logger } = components;
    this.#looking = new RepeatingTask(
      {
        clock,
        run: () => this.#look(),
        onError: (error) => logger.warn({ reason: errorMessage(error) }, 'peers were not asked for notices'),
      },
      { intervalMs: TICK_MS },
    );
  }

  start(): void {
    if (this.#looking.isStarted) return;
    const { network } = this.#components;
    network.addEventListener('peer:identify', this.#onIdentify);
    network.addEventListener('connection:close', this.#onClose);
    this.#looking.start();
  }

  async stop(): Promise<void> {
    if (!this.#looking.isStarted) return;
    const stopped = this.#looking.stop();
    const { network } = this.#components;
    network.removeEventListener('peer:identify', this.#onIdentify);
    network.removeEventListener('connection:close', this.#onClose);
    this.#neighbours.clear();
    await Promise.all([stopped, ...this.#asking]);
  }

  /** Peers of which it is known that they speak the protocol. */
  get neighbours(): number {
    return this.#neighbours.size;
  }

  /** Notices were lost: everybody is asked for everything. */
  restart(): void {
    this.#positions.clear();
    const now = this.#components.clock.now();
    for (const neighbour of this.#neighbours.values()) neighbour.dueAt = now;
  }

  /** `peer` showed a policy whose predecessor is not here: it has that one, too. */
  wantHistory(peer: string, name: NamespaceName): void {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour === undefined) return;
    this.#want(neighbour, name);
    // a peer that fails again and again is asked no sooner for it
    if (neighbour.failures === 0) neighbour.dueAt = this.#components.clock.now();
    this.#look();
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const id = detail.peerId.toString();
    if (!detail.protocols.includes(NAMESPACES_PROTOCOL) || this.#neighbours.has(id)) return;
    const dueAt = this.#components.clock.now();
    this.#neighbours.set(id, {
      peer: detail.peerId,
      histories: new Map(),
      dueAt,
      failures: 0,
      isAsked: false,
      news: [],
      vain: 0,
    });
    this.#look();
  };

  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    const { remotePeer } = detail;
    if (this.#components.network.getConnections(remotePeer).length > 0) return;
    this.#neighbours.delete(remotePeer.toString());
  };

  /** Begins with whoever is due, those that have waited longest first. */
  #look(): void {
    if (!this.#looking.isStarted || this.#asking.size >= EXCHANGES_AT_ONCE) return;
    const now = this.#components.clock.now();
    const due = [...this.#neighbours]
      .filter(([id, { isAsked, dueAt }]) => {
        // a clock that was put back counts as time that went by
        const isDue = dueAt <= now || dueAt > now + 2 * EXCHANGE_MS;
        return !isAsked && isDue && !this.#components.admission.isGraylisted(id);
      })
      .sort(([, a], [, b]) => a.dueAt - b.dueAt);
    for (const [id, neighbour] of due.slice(0, EXCHANGES_AT_ONCE - this.#asking.size)) {
      neighbour.isAsked = true;
      const asking = this.#converse(id, neighbour).finally(() => {
        this.#asking.delete(asking);
        this.#look();
      });
      this.#asking.add(asking);
    }
  }

  async #converse(id: string, neighbour: Neighbour): Promise<void> {
    const { clock, logger, metrics, exchange } = this.#components;
    const stopping = this.#looking.signal;
    const signal = AbortSignal.any([stopping, clock.timeoutSignal(EXCHANGE_TIMEOUT_MS)]);
    const ask: Ask = (question) => {
      signal.throwIfAborted();
      return exchange.ask(neighbour.peer, question, signal);
    };
    let isDone = false;
    neighbour.vain = 0;
    try {
      isDone = await this.#read(id, neighbour, ask);
      await this.#readHistories(id, neighbour, ask);
      metrics.exchangesOk += 1;
    } catch (error) {
      if (stopping.aborted) return;
      metrics.exchangesFailed += 1;
      if (error instanceof NamespacesError && error.code.startsWith('frame_')) {
        this.#components.admission.refuse(id, error, 'asked');
      }
      logger.debug({ peer: id, reason: errorMessage(error) }, 'a peer did not tell what it knows');
    } finally {
      neighbour.isAsked = false;
      const { news } = neighbour;
      neighbour.news = [];
      if (news.length <= SPREAD_MAX) this.#components.spread(news);
    }
    neighbour.failures = isDone ? 0 : neighbour.failures + 1;
    const wait = isDone
      ? EXCHANGE_MS
      : backOffMs(neighbour.failures - 1, { firstMs: RETRY_MS, maxMs: RETRY_MAX_MS });
    const isWanted = isDone && neighbour.histories.size > 0;
    neighbour.dueAt = isWanted ? clock.now() : clock.now() + wait * (0.5 + Math.random());
  }

  /** Reads on in the log of a peer. Whether its end was reached and all of it is dealt with. */
  #read(id: string, neighbour: Neighbour, ask: Ask): Promise<boolean> {
    const { store } = this.#components;
    return collectNotices({
      ask,
      from: this.#positions.get(id) ?? NOWHERE,
      isKnown: (notice) => store.hasId(notice),
      take: (notices) => this.#take(notices, id, neighbour),
      settle: (position) => {
        this.#remember(id, position);
        if (neighbour.vain > VAIN_MAX) throw new Error('most of what it has was revoked');
      },
    });
  }

  /** Takes notices, some at a time. Whether all are dealt with. */
  async #take(notices: readonly Uint8Array[], id: string, neighbour: Neighbour): Promise<boolean> {
    const { store, crypto, onTaken } = this.#components;
    let isSettled = true;
    try {
      for (let at = 0; at < notices.length; at += CHECKED_AT_ONCE) {
        this.#looking.signal.throwIfAborted();
        const some = notices.slice(at, at + CHECKED_AT_ONCE);
        const outcomes = await Promise.all(some.map((bytes) => this.#takeOne(bytes, id, neighbour)));
        // what they follow was checked beside them, or is not here
        for (const [index, bytes] of some.entries()) {
          if (outcomes[index] === 'early') outcomes[index] = await this.#takeOne(bytes, id, neighbour);
          if (outcomes[index] === 'early') this.#want(neighbour, decodePolicy(bytes, crypto));
        }
        isSettled &&= outcomes.every((outcome) => outcome === 'settled');
      }
    } finally {
      await store.flush();
      onTaken();
    }
    return isSettled;
  }

  /** Throws for what no honest peer has. */
  async #takeOne(
    bytes: Uint8Array,
    id: string,
    neighbour: Neighbour,
  ): Promise<'settled' | 'later' | 'early'> {
    try {
      await this.#components.admission.admit(bytes, id, 'asked');
      if (neighbour.news.length <= SPREAD_MAX) neighbour.news.push(bytes);
    } catch (error) {
      if (!(error instanceof NamespacesError) || error.fault === 'sender') throw error;
      if (error.code === 'notice_unauthorised') neighbour.vain += 1;
      if (error.code === 'policy_early') return 'early';
      if (PASSING.has(error.code)) return 'later';
    }
    return 'settled';
  }

  #want({ histories }: Neighbour, { owner, namespace }: NamespaceName): void {
    if (histories.size >= HISTORIES_WAITING_MAX) return;
    histories.set(namespaceKey({ owner, namespace }), { owner, namespace });
  }

  /** Asks for the policies of namespaces of which a later one was met. */
  async #readHistories(id: string, { histories, news }: Neighbour, ask: Ask): Promise<void> {
    const { store, onTaken } = this.#components;
    const some = [...histories].slice(0, EXCHANGE_HISTORIES_MAX);
    for (const [key, name] of some) {
      histories.delete(key);
      await collectHistory({
        ask,
        name,
        above: store.headOf(name)?.sequence ?? 0,
        take: async (policies) => {
          const before = store.headOf(name)?.sequence ?? 0;
          const isWhole = await this.#takeHistory(policies, name, id);
          await store.flush();
          onTaken();
          news.push(...store.historyAbove(name, before, SPREAD_MAX + 1 - news.length));
          return isWhole ? (store.headOf(name)?.sequence ?? 0) : null;
        },
      });
    }
  }

  async #takeHistory(policies: readonly Uint8Array[], name: NamespaceName, id: string): Promise<boolean> {
    try {
      await this.#components.admission.admitHistory(policies, name, id);
      return true;
    } catch (error) {
      if (!(error instanceof NamespacesError) || error.fault === 'sender') throw error;
      return false;
    }
  }

  #remember(id: string, position: LogPosition): void {
    this.#positions.delete(id);
    this.#positions.set(id, { log: position.log.slice(), position: position.position });
    if (this.#positions.size <= POSITIONS_MAX) return;
    const oldest = this.#positions.keys().next().value;
    if (oldest !== undefined) this.#positions.delete(oldest);
  }
}
