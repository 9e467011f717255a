import { setTimeout as wait } from 'node:timers/promises';
import type { History } from './history.ts';
import type { Random } from './random.ts';
import type { Outcome, Site, WriteOptions } from './site.ts';

export interface WorkloadInit {
  readonly writers: number;
  /** Keys of each writer that are written again and again. */
  readonly keys: number;
  /** Keys that all writers write. */
  readonly shared: number;
  /** Sites reachable now. */
  readonly sites: () => readonly Site[];
  readonly history: History;
  readonly random: Random;
  /** Begins every key. */
  readonly prefix: string;
}

/** Shares of what a writer does, of 100. */
const PUTS = 60;
const DELETES = 15;
const CONDITIONAL = 15;
/** The rest are `ifAbsent`. */
const READS_PER_WRITE = 0.5;
/** A writer that was refused goes on after this: a swarm with too few replicas must not be hammered. */
const PAUSE_MS = 25;
const LIST_PAUSE_MS = 1_000;
const VALUE_BYTES = 200;

/** Several writers that overwrite, delete and write on condition, read what they and the others wrote, and list it. */
export class Workload {
  readonly #init: WorkloadInit;
  #running: Promise<void>[] = [];
  #isStopped = false;
  #count = 0;

  constructor(init: WorkloadInit) {
    this.#init = init;
  }

  start(): void {
    const { writers } = this.#init;
    this.#running = Array.from({ length: writers }, (_, writer) => this.#write(writer));
    this.#running.push(this.#list());
  }

  /** Resolves when everybody has the last answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  /** Waits until so many more writes were acknowledged. Throws when they are not in time. */
  async more(count: number, patienceMs: number): Promise<void> {
    const { history } = this.#init;
    const goal = history.acked + count;
    const deadline = Date.now() + patienceMs;
    while (history.acked < goal) {
      if (Date.now() > deadline) {
        const codes = JSON.stringify(Object.fromEntries(history.codes));
        throw new Error(
          `only ${count - goal + history.acked} of ${count} writes within ${patienceMs} ms: ${codes}`,
        );
      }
      await wait(PAUSE_MS);
    }
  }

  async #write(writer: number): Promise<void> {
    const { random } = this.#init;
    while (!this.#isStopped) {
      const outcome = await this.#step(writer);
      if (outcome.kind !== 'acked') await wait(PAUSE_MS);
      if (random.next() < READS_PER_WRITE) await this.#read();
    }
  }

  #step(writer: number): Promise<Outcome> {
    const { random, keys, shared, prefix, history } = this.#init;
    const number = random.below(keys + shared);
    const key = number < keys ? `${prefix}${writer}/${number}` : `${prefix}shared/${number - keys}`;
    const what = random.below(100);
    if (what < PUTS) return this.#put(key, {});
    if (what < PUTS + DELETES) return this.#delete(key);
    if (what >= PUTS + DELETES + CONDITIONAL) return this.#put(key, { ifAbsent: true });
    const etag = history.etagOf(key);
    return this.#put(key, etag === null ? { ifAbsent: true } : { ifMatch: etag });
  }

  async #put(key: string, options: WriteOptions): Promise<Outcome> {
    const { history, random, sites } = this.#init;
    this.#count += 1;
    const text = `${key} #${this.#count} `.padEnd(VALUE_BYTES, '.');
    const site = random.pick(sites());
    const op = history.begin({ key, kind: 'put', text, ...options });
    const outcome = await site.put(key, text, options);
    history.end(op, outcome);
    return outcome;
  }

  async #delete(key: string): Promise<Outcome> {
    const { history, random, sites } = this.#init;
    const site = random.pick(sites());
    const op = history.begin({ key, kind: 'delete', text: '' });
    const outcome = await site.delete(key);
    history.end(op, outcome);
    return outcome;
  }

  async #read(): Promise<void> {
    const { history, random, sites } = this.#init;
    const { keys } = history;
    if (keys.length > 0) await readMajority(history, random.pick(sites()), random.pick(keys));
  }

  async #list(): Promise<void> {
    const { history, random, sites, prefix } = this.#init;
    while (!this.#isStopped) {
      const site = random.pick(sites());
      const startedAt = history.now();
      history.judgeList(prefix, startedAt, await site.list(prefix), site.name);
      await wait(LIST_PAUSE_MS);
    }
  }
}

export async function readMajority(history: History, site: Site, key: string): Promise<boolean> {
  const startedAt = history.now();
  const read = await site.get(key, 'majority');
  history.judgeRead(key, startedAt, read, site.name);
  return read.kind !== 'failed';
}
