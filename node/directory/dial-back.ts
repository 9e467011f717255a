import { LOOPBACK_PREFIX } from '../../protocols/common/address-prefix.ts';
import { backOffMs } from '../../protocols/common/back-off.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { DeferredTask } from '../../protocols/common/deferred-task.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RateLimit } from '../../protocols/common/rate-limit.ts';
import type { Logger } from '../observability/logger.ts';
import type { Entry, EntryAddress } from './entry.ts';
import {
  ADDRESSES_TRIED,
  BACKOFF_MAX_MS,
  BACKOFF_MS,
  DIAL_TIMEOUT_MS,
  DIALS_AT_ONCE,
  DIALS_BURST,
  DIALS_PER_SECOND,
  FIRST_DIAL_MAX_MS,
  FIRST_DIAL_MS,
  FIRST_DIAL_SPREAD_MS,
  LOOK_MAX_MS,
  LOOK_MIN_MS,
  PREFIX_DIALS_BURST,
  PREFIX_DIALS_PER_SECOND,
  REPEAT_MS,
} from './limits.ts';
import type { DirectoryMetrics } from './metrics.ts';
import type { Roster } from './roster.ts';

/**
 * Opens a new connection to `address` and gives the address, among those the node announced, that it leads to. Throws
 * when nobody answers there, somebody else does, or it may not be dialled.
 */
export type Dial = (entry: Entry, address: EntryAddress, signal: AbortSignal) => Promise<EntryAddress>;

export interface DialBackComponents {
  readonly roster: Roster;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly metrics: DirectoryMetrics;
  readonly dial: Dial;
  readonly isConnected: (entry: Entry) => boolean;
  /** The announced address to which this node has an open connection that it dialled itself. */
  readonly openAt: (entry: Entry) => EntryAddress | undefined;
  /** Called with a node that was reached at no address. */
  readonly onFailed: (entry: Entry) => void;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Prefixes whose rates are remembered: as many as a directory can hold. */
const PREFIXES_MAX = 10_000;

/**
 * Dials back whoever announced itself, within a budget: so many at once, a second, into one prefix; first those that
 * are connected, since they have shown their key, then by prefix, so that a crowd in one does not make the others wait.
 */
export class DialBack {
  readonly #components: DialBackComponents;
  readonly #rate: RateLimit;
  readonly #prefixRate: RateLimit;
  readonly #dialling = new Set<Promise<void>>();
  #abort = new AbortController();
  readonly #looking: DeferredTask;
  #isRunning = false;

  constructor(components: DialBackComponents) {
    this.#components = components;
    this.#looking = new DeferredTask({ clock: components.clock, run: () => this.#lookOn() });
    this.#rate = new RateLimit(components, {
      perSecond: DIALS_PER_SECOND,
      burst: DIALS_BURST,
      debtMax: DIALS_BURST,
      maxKeys: 1,
    });
    this.#prefixRate = new RateLimit(components, {
      perSecond: PREFIX_DIALS_PER_SECOND,
      burst: PREFIX_DIALS_BURST,
      debtMax: PREFIX_DIALS_BURST,
      maxKeys: PREFIXES_MAX,
    });
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#abort = new AbortController();
    this.#lookIn(LOOK_MIN_MS);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#abort.abort();
    this.#looking.cancel();
    await Promise.all(this.#dialling);
  }

  /** `entry` is new, or at a new place. */
  schedule(entry: Entry): void {
    const { clock, random, roster } = this.#components;
    const known = roster.verifiedCount + roster.hearsayCount;
    const spread = Math.min(FIRST_DIAL_MAX_MS, known * FIRST_DIAL_SPREAD_MS);
    entry.dialAt = clock.now() + FIRST_DIAL_MS + random() * spread;
    this.#lookIn(entry.dialAt - clock.now());
  }

  /** One look: begins what is due and within the budget. Resolves when those dials have ended. */
  async look(): Promise<void> {
    const { clock, isConnected } = this.#components;
    const now = clock.now();
    const due = [...this.#components.roster].filter(
      (entry) => !entry.isDialling && entry.addresses.length > 0 && entry.dialAt <= now,
    );
    const begun: Promise<void>[] = [];
    for (const entry of this.#inTurn(due, isConnected)) {
      if (this.#dialling.size >= DIALS_AT_ONCE || this.#rate.isExceeded('')) break;
      const open = this.#components.openAt(entry);
      if (open !== undefined) {
        this.reached(entry, open);
        continue;
      }
      const addresses = this.#choose(entry);
      if (addresses.length === 0) continue;
      const dialling = this.#dial(entry, addresses).finally(() => this.#dialling.delete(dialling));
      this.#dialling.add(dialling);
      begun.push(dialling);
    }
    await Promise.all(begun);
  }

  /** A connection leads to `entry` at `address`, by a dial of this node. */
  reached(entry: Entry, address: EntryAddress): void {
    const { clock, roster } = this.#components;
    entry.dialAt = clock.now() + this.#jittered(REPEAT_MS);
    if (!roster.verify(entry, address)) {
      this.#components.logger.debug({ peer: entry.id, prefix: address.prefix }, 'a prefix has no more room');
    }
  }

  /** Connected ones first; then one of each prefix after another, in an order left to chance. */
  #inTurn(due: readonly Entry[], isConnected: (entry: Entry) => boolean): Entry[] {
    const { random } = this.#components;
    const turns = due.map((entry) => ({ entry, isConnected: isConnected(entry), order: random(), turn: 0 }));
    turns.sort((a, b) => a.order - b.order);
    const counts = new Map<string, number>();
    for (const one of turns) {
      one.turn = counts.get(one.entry.prefix) ?? 0;
      counts.set(one.entry.prefix, one.turn + 1);
    }
    turns.sort((a, b) => Number(b.isConnected) - Number(a.isConnected) || a.turn - b.turn);
    return turns.map(({ entry }) => entry);
  }

  /**
   * Some addresses whose prefixes may be dialled now, others than the last time: direct and relayed ones in turn, since of a node
   * behind a router all direct ones may lead nowhere.
   */
  #choose({ addresses, failures }: Entry): EntryAddress[] {
    const order = new Map<EntryAddress, number>();
    for (const reach of ['direct', 'relayed']) {
      for (const [index, address] of addresses.filter((one) => one.reach === reach).entries()) {
        order.set(address, 2 * index + (reach === 'direct' ? 0 : 1));
      }
    }
    const inTurn = addresses.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    const start = (failures * ADDRESSES_TRIED) % addresses.length;
    return [...inTurn.slice(start), ...inTurn.slice(0, start)]
      .filter(({ prefix }) => prefix === LOOPBACK_PREFIX || !this.#prefixRate.isExceeded(prefix))
      .slice(0, ADDRESSES_TRIED);
  }

  async #dial(entry: Entry, addresses: readonly EntryAddress[]): Promise<void> {
    const { clock, metrics, logger, roster, dial } = this.#components;
    const { dialAt } = entry;
    entry.isDialling = true;
    this.#rate.charge('');
    try {
      for (const address of addresses) {
        if (this.#abort.signal.aborted) return;
        if (address.prefix !== LOOPBACK_PREFIX) this.#prefixRate.charge(address.prefix);
        try {
          const signal = AbortSignal.any([this.#abort.signal, clock.timeoutSignal(DIAL_TIMEOUT_MS)]);
          const reached = await dial(entry, address, signal);
          metrics.dialBacksOk += 1;
          this.reached(entry, reached);
          return;
        } catch (error) {
          logger.debug({ peer: entry.id, address: address.text, reason: errorMessage(error) }, 'not reached');
        }
      }
      if (this.#abort.signal.aborted) return;
      metrics.dialBacksFailed += 1;
      // it moved meanwhile, or was reached otherwise: the addresses that led nowhere say nothing of it
      if (entry.dialAt !== dialAt) return;
      this.#components.onFailed(entry);
      roster.failed(entry);
      const backoff = backOffMs(entry.failures - 1, { firstMs: BACKOFF_MS, maxMs: BACKOFF_MAX_MS });
      entry.dialAt = clock.now() + this.#jittered(backoff);
    } finally {
      entry.isDialling = false;
    }
  }

  #jittered(ms: number): number {
    return ms * (0.75 + this.#components.random() / 2);
  }

  #lookIn(ms: number): void {
    if (this.#isRunning) this.#looking.runWithin(Math.min(LOOK_MAX_MS, Math.max(LOOK_MIN_MS, ms)));
  }

  #lookOn(): void {
    void this.look().then(() => this.#lookIn(this.#nextIn()));
    // dials may take seconds; others become due meanwhile
    this.#lookIn(this.#nextIn());
  }

  #nextIn(): number {
    const now = this.#components.clock.now();
    let next = LOOK_MAX_MS;
    for (const { addresses, isDialling, dialAt } of this.#components.roster) {
      if (addresses.length > 0 && !isDialling) next = Math.min(next, dialAt - now);
    }
    return next;
  }
}
