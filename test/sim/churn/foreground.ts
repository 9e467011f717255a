import { setTimeout as wait } from 'node:timers/promises';
import type { History } from '../storage/history.ts';
import type { Random } from '../storage/random.ts';
import type { ReadOutcome, Site } from '../storage/site.ts';

/** Kinds of client operations. A large value is a blob behind its record. */
export const KINDS = ['put', 'get', 'list', 'putLarge', 'getLarge'] as const;
export type Kind = (typeof KINDS)[number];

/**
 * How often each is done a second: a tenth of what the machine could do, so that nobody waits for another, and enough of each for
 * a quantile of two minutes.
 */
const PER_SECOND: Readonly<Record<Kind, number>> = { put: 6, get: 12, list: 1, putLarge: 0.5, getLarge: 0.5 };
const GROUPS = 10;
const SMALL_BYTES = 200;
const LARGE_BYTES = 2 ** 20;
const DELETES = 0.05;
/** More than would ever be under way where an answer takes a second. */
const UNDERWAY_MAX = 256;
const FILL_AT_ONCE = 4;
const FILL_ATTEMPTS = 10;

/** Milliseconds from when it was due, whatever came of it. */
export interface Sample {
  readonly kind: Kind;
  /** When it was due. */
  readonly at: number;
  readonly ms: number;
  readonly isOk: boolean;
}

export interface ForegroundInit {
  readonly site: Site;
  readonly history: History;
  readonly random: Random;
  readonly smallKeys: number;
  readonly largeKeys: number;
}

/**
 * A steady load at one gateway. Starts each operation when it is due, whether or not the previous answer has come: a client that
 * waited would hide how long others wait.
 */
export class Foreground {
  readonly #init: ForegroundInit;
  #samples: Sample[] = [];
  #running: Promise<void>[] = [];
  readonly #underway = new Set<Promise<void>>();
  #isStopped = false;
  #count = 0;
  /** Due, and not begun since too much was under way. */
  skipped = 0;

  constructor(init: ForegroundInit) {
    this.#init = init;
  }

  /** Writes every key once. */
  async fill(): Promise<void> {
    const { smallKeys, largeKeys } = this.#init;
    const keys = [...keysOf(smallKeys, smallKey), ...keysOf(largeKeys, largeKey)];
    const writer = async (): Promise<void> => {
      for (let key = keys.shift(); key !== undefined; key = keys.shift()) await this.#insist(key);
    };
    await Promise.all(Array.from({ length: FILL_AT_ONCE }, writer));
  }

  start(): void {
    this.#running = KINDS.map((kind) => this.#pace(kind));
  }

  /** Resolves when everybody has the last answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    await Promise.all(this.#underway);
  }

  /** Samples measured since the last call. */
  take(): readonly Sample[] {
    const taken = this.#samples;
    this.#samples = [];
    return taken;
  }

  async #insist(key: string): Promise<void> {
    for (let attempt = 0; attempt < FILL_ATTEMPTS; attempt++) if (await this.#put(key)) return;
    throw new Error(`${key} could not be written: ${JSON.stringify([...this.#init.history.codes])}`);
  }

  async #pace(kind: Kind): Promise<void> {
    const period = 1000 / PER_SECOND[kind];
    let due = performance.now() + this.#init.random.next() * period;
    for (; !this.#isStopped; due += period) {
      await wait(Math.max(0, due - performance.now()));
      if (this.#underway.size >= UNDERWAY_MAX) {
        this.skipped += 1;
        continue;
      }
      const running = this.#measure(kind, due).finally(() => this.#underway.delete(running));
      this.#underway.add(running);
    }
  }

  async #measure(kind: Kind, due: number): Promise<void> {
    const isOk = await this.#do(kind);
    this.#samples.push({ kind, at: due, ms: performance.now() - due, isOk });
  }

  #do(kind: Kind): Promise<boolean> {
    const { random, smallKeys, largeKeys } = this.#init;
    if (kind === 'list') return this.#list(`${SMALL}${random.below(GROUPS)}/`);
    const isLarge = kind === 'putLarge' || kind === 'getLarge';
    const key = isLarge ? largeKey(random.below(largeKeys)) : smallKey(random.below(smallKeys));
    if (kind === 'get' || kind === 'getLarge') return this.#get(key);
    return !isLarge && random.next() < DELETES ? this.#delete(key) : this.#put(key);
  }

  async #put(key: string): Promise<boolean> {
    const { site, history } = this.#init;
    this.#count += 1;
    const text = `${key} #${this.#count} `;
    const op = history.begin({ key, kind: 'put', text });
    const outcome = await site.put(key, grown(text, key));
    history.end(op, outcome);
    return outcome.kind === 'acked';
  }

  async #delete(key: string): Promise<boolean> {
    const { site, history } = this.#init;
    const op = history.begin({ key, kind: 'delete', text: '' });
    const outcome = await site.delete(key);
    history.end(op, outcome);
    return outcome.kind === 'acked';
  }

  #get(key: string): Promise<boolean> {
    return readThrough(this.#init.history, this.#init.site, key);
  }

  async #list(prefix: string): Promise<boolean> {
    const { site, history } = this.#init;
    const startedAt = history.now();
    const listed = await site.list(prefix);
    history.judgeList(prefix, startedAt, listed, site.name);
    return typeof listed !== 'string';
  }
}

/** Reads by majority and holds every byte of it against what was written. */
export async function readThrough(history: History, site: Site, key: string): Promise<boolean> {
  const startedAt = history.now();
  const read = await site.get(key, 'majority');
  history.judgeRead(key, startedAt, shrunk(read, key), site.name);
  return read.kind !== 'failed';
}

const SMALL = 'small/';
const LARGE = 'large/';

function smallKey(n: number): string {
  return `${SMALL}${n % GROUPS}/${n}`;
}

function largeKey(n: number): string {
  return `${LARGE}${n}`;
}

export function isLarge(key: string): boolean {
  return key.startsWith(LARGE);
}

function keysOf(count: number, keyOf: (n: number) => string): string[] {
  return Array.from({ length: count }, (_, n) => keyOf(n));
}

/** The text over and over, to the length of its key's values. */
function grown(text: string, key: string): string {
  return text.padEnd(isLarge(key) ? LARGE_BYTES : SMALL_BYTES, text);
}

/** Restores the short text from which a value was grown; any other value is marked damaged, as nobody wrote it. */
function shrunk(read: ReadOutcome, key: string): ReadOutcome {
  if (read.kind !== 'value') return read;
  const end = read.text.indexOf(' ', read.text.indexOf('#')) + 1;
  const text = read.text.slice(0, end);
  return grown(text, key) === read.text ? { ...read, text } : { ...read, text: `damaged: ${text}` };
}
