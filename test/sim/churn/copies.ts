import { setTimeout as wait } from 'node:timers/promises';
import { compareEtags } from '../storage/etag.ts';
import type { History } from '../storage/history.ts';
import type { Holder, Site } from '../storage/site.ts';
import { isLarge } from './foreground.ts';

/** So rare that it is little beside the load that it looks at: all keys in some ten seconds. */
const PERIOD_MS = 50;
/** Looks under way: slow answers must not make it slower. */
const LOOKS_MAX = 16;
/** When everything was found, until there is something to look for again. */
const IDLE_MS = 200;
const EXAMPLES_MAX = 5;

/** One loss, and what has come of the keys' copies since. */
interface Loss {
  readonly name: string;
  readonly at: number;
  /** Keys not yet found with all their copies. */
  readonly pending: Set<string>;
  copiesMs: number;
}

export interface CopiesInit {
  readonly site: Site;
  readonly history: History;
  readonly replicas: number;
}

/** Asks, key after key, who holds it, and takes the time from each loss until every key had all its copies again. */
export class Copies {
  readonly #init: CopiesInit;
  readonly losses: Loss[] = [];
  /** Descriptions of what was missing longest. */
  readonly examples: string[] = [];
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(init: CopiesInit) {
    this.#init = init;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Somebody is gone from now on. */
  lost(name: string): Loss {
    const loss: Loss = {
      name,
      at: performance.now(),
      pending: new Set(this.#init.history.keys),
      copiesMs: Infinity,
    };
    this.losses.push(loss);
    return loss;
  }

  /** Whether every key had all its copies since the latest loss. */
  get isComplete(): boolean {
    return this.losses.every(({ pending }) => pending.size === 0);
  }

  /** Says of what is missing still what is known of it. */
  async explain(loss: Loss): Promise<void> {
    for (const key of [...loss.pending].slice(0, EXAMPLES_MAX - this.examples.length)) {
      const holders = await this.#init.site.where(key);
      const acked = this.#init.history.base(key)?.etag;
      this.examples.push(`${key} after ${loss.name}, acknowledged ${acked}: ${JSON.stringify(holders)}`);
    }
  }

  async #run(): Promise<void> {
    const underway = new Set<Promise<void>>();
    while (!this.#isStopped) {
      const due = new Set(this.losses.flatMap(({ pending }) => [...pending]));
      if (due.size === 0) await wait(IDLE_MS);
      for (const key of due) {
        if (this.#isStopped) break;
        await wait(PERIOD_MS);
        if (underway.size >= LOOKS_MAX) await Promise.race(underway);
        const looking = this.#look(key).finally(() => underway.delete(looking));
        underway.add(looking);
      }
    }
    await Promise.all(underway);
  }

  async #look(key: string): Promise<void> {
    const { site, history, replicas } = this.#init;
    const askedAt = performance.now();
    const base = history.base(key, history.now());
    const holders = await site.where(key);
    const isHeld = (holder: Holder): boolean => {
      const isWhole = !isLarge(key) || holder.isWhole === true;
      const { isLive, etag } = holder;
      return isLive && isWhole && etag !== null && (base === null || compareEtags(etag, base.etag) >= 0);
    };
    if (holders.filter(isHeld).length < replicas) return;
    for (const loss of this.losses) {
      if (loss.at > askedAt || !loss.pending.delete(key) || loss.pending.size > 0) continue;
      loss.copiesMs = performance.now() - loss.at;
    }
  }
}
