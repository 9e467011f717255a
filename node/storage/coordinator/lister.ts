import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  compareKeys,
  compareRecords,
  isValueKind,
  type ListItem,
  PARTITIONS,
  type PartitionId,
  type Partitions,
  partitionOf,
  type RequestOf,
  StorageError,
  sizeOf,
} from '../../../protocols/storage/index.ts';
import type { Deadline } from '../rpc/deadline.ts';
import { majority, Quorum, type QuorumComponents, type QuorumInit } from './quorum.ts';
import { earlier } from './receipts.ts';
import type { ReadResult } from './record-reader.ts';

export interface ListerComponents extends QuorumComponents {
  readonly crypto: Crypto;
  readonly partitions: Partitions;
  /** Reads one key from a majority. */
  readonly read: (partition: PartitionId, key: string, deadline: Deadline) => Promise<ReadResult>;
}

export interface ListQuery {
  readonly namespaceId: Uint8Array;
  readonly prefix: string;
  readonly after: string | null;
  readonly limit: number;
}

export interface ListResult {
  readonly entries: readonly ListItem[];
  /** Whether there are no more behind them. */
  readonly isEnd: boolean;
  /** True when no majority of some partition answered: entries acknowledged at only one replica may be missing. */
  readonly degraded: boolean;
}

type Page = Pick<Answers['list'], 'entries' | 'next'>;
interface PageOf {
  readonly id: string;
  readonly answer: Page;
}

/** Keys read one by one at a time, where replicas differ. */
const READS_AT_ONCE = 16;
/** A page of one partition: its share of what is asked for, and half as much again, since shares differ. */
const SHARE_SPARE = 1.5;
const SHARE_MIN = 16;
/** Pages of a replica that end before those of the others, in one list of a partition. */
const BEHIND_MAX = 4;

/** Lists a namespace: each partition by a majority of its replicas, all of them merged in the order of their keys. */
export class Lister {
  readonly #components: ListerComponents;
  readonly #init: QuorumInit;

  constructor(components: ListerComponents, init: QuorumInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Throws `list_incomplete`. */
  async list(query: ListQuery, deadline: Deadline): Promise<ListResult> {
    const share = Math.max(SHARE_MIN, Math.ceil((query.limit / PARTITIONS) * SHARE_SPARE));
    const limit = Math.min(query.limit, share);
    const feeds = Array.from({ length: PARTITIONS }, (_, partition) => {
      const id = { namespaceId: query.namespaceId, partition };
      return new Feed(this.#components, this.#init, { ...query, ...id, limit }, deadline);
    });
    await Promise.all(feeds.map((feed) => feed.fill()));
    const entries: ListItem[] = [];
    while (entries.length < query.limit) {
      const next = firstOf(feeds);
      if (next?.head === undefined) return { entries, isEnd: true, degraded: isDegraded(feeds) };
      entries.push(next.head);
      next.drop();
      if (next.head === undefined) await next.fill();
    }
    return { entries, isEnd: firstOf(feeds) === undefined, degraded: isDegraded(feeds) };
  }
}

function isDegraded(feeds: readonly Feed[]): boolean {
  return feeds.some((feed) => feed.isDegraded);
}

/** The feed whose first entry is the first of all; undefined when all are at their end. */
function firstOf(feeds: readonly Feed[]): Feed | undefined {
  let first: Feed | undefined;
  for (const feed of feeds) {
    if (feed.head === undefined) continue;
    if (first?.head === undefined || compareKeys(feed.head.key, first.head.key) < 0) first = feed;
  }
  return first;
}

/** The entries of one partition, a page at a time. */
class Feed {
  readonly #components: ListerComponents;
  readonly #init: QuorumInit;
  readonly #query: ListQuery & PartitionId;
  readonly #deadline: Deadline;
  #entries: readonly ListItem[] = [];
  #index = 0;
  #after: string | null;
  #isEnd = false;
  /** A page came from fewer than a majority. */
  isDegraded = false;
  /** How often a replica's page ended before those of the others. */
  readonly #behind = new Map<string, number>();

  constructor(
    components: ListerComponents,
    init: QuorumInit,
    query: ListQuery & PartitionId,
    deadline: Deadline,
  ) {
    this.#components = components;
    this.#init = init;
    this.#query = query;
    this.#deadline = deadline;
    this.#after = query.after;
  }

  /** The first entry that was not dropped; undefined at the end, once it was filled. */
  get head(): ListItem | undefined {
    return this.#entries[this.#index];
  }

  drop(): void {
    this.#index += 1;
  }

  /** Gets entries until there is one, or none are left. */
  async fill(): Promise<void> {
    while (this.head === undefined && !this.#isEnd) {
      const pages = await this.#pages();
      const end = shortest(pages);
      this.#noteBehind(pages, end);
      this.#entries = await this.#merge(pages, end);
      this.#index = 0;
      this.#after = end;
      this.#isEnd = end === null;
    }
  }

  /** A page of each replica of a majority. */
  async #pages(): Promise<PageOf[]> {
    const { namespaceId, partition, prefix, limit } = this.#query;
    const after = this.#after;
    const names = this.#components.partitions.named(namespaceId);
    const request = { type: 'list', ...names, partition, prefix, after, limit } as const;
    const quorum = new Quorum<Page>(this.#components, {
      ...this.#init,
      partition: { namespaceId, partition },
      deadline: this.#deadline,
      needed: majority,
    });
    for (;;) {
      const most = quorum.place.replicas.length - quorum.needed;
      const slow = this.#slowest(most);
      await quorum.round(async (id, signal) => {
        if (slow.has(id)) throw new Error('its pages get on too slowly');
        return this.#ask(id, request, signal);
      });
      const agreed = quorum.agreement();
      if (agreed !== null) return agreed;
      if (this.#deadline.isOver || (!quorum.isUnsettled && quorum.rounds >= ROUNDS_MAX)) {
        const sure = quorum.surest();
        if (sure === null) throw incomplete(partition, quorum.place.replicas.length);
        this.isDegraded = true;
        return sure;
      }
      await quorum.backOff();
    }
  }

  /** A page of one replica. An entry that belongs into another partition makes it a lie. */
  async #ask(id: string, request: RequestOf<'list'>, signal: AbortSignal): Promise<Answers['list']> {
    const { ask, crypto, metrics } = this.#components;
    const answer: Answers['list'] = await ask<'list'>(id, request, signal);
    if (answer.entries.some(({ key }) => partitionOf(crypto, key) !== request.partition)) {
      metrics.liesFound += 1;
      throw new StorageError('frame_malformed', 'an entry belongs into another partition');
    }
    return answer;
  }

  /** A replica that is behind repeatedly only slows the list down: an honest one that skips many floors does so too. */
  #noteBehind(pages: readonly PageOf[], end: string | null): void {
    if (end === null || pages.every(({ answer }) => answer.next === end)) return;
    for (const { id, answer } of pages) {
      if (answer.next === end) this.#behind.set(id, (this.#behind.get(id) ?? 0) + 1);
    }
  }

  /** Replicas to continue without: those most behind, as many as the quorum allows. */
  #slowest(most: number): ReadonlySet<string> {
    const slow = [...this.#behind].filter(([, count]) => count > BEHIND_MAX);
    return new Set(
      slow
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, most)
        .map(([id]) => id),
    );
  }

  /** Merges the pages up to `end`. Keys on which they differ are read one by one. */
  async #merge(pages: readonly PageOf[], end: string | null): Promise<ListItem[]> {
    const found = new Map<string, ListItem[]>();
    for (const { answer } of pages) {
      const { entries } = answer;
      for (const entry of entries) {
        if (end !== null && compareKeys(entry.key, end) > 0) break;
        found.set(entry.key, [...(found.get(entry.key) ?? []), entry]);
      }
    }
    const agreed: ListItem[] = [];
    const disputed: string[] = [];
    for (const [key, entries] of found) {
      const [first] = entries;
      if (
        first !== undefined &&
        entries.length === pages.length &&
        entries.every((one) => isSame(one, first))
      ) {
        // each drops it by itself: the list tells of the first that does
        const expiry = entries.reduce((time, one) => earlier(time, one.expiry), first.expiry);
        agreed.push({ ...first, expiry });
      } else disputed.push(key);
    }
    for (let i = 0; i < disputed.length; i += READS_AT_ONCE) {
      const some = disputed.slice(i, i + READS_AT_ONCE);
      const read = await Promise.all(some.map((key) => this.#read(key)));
      agreed.push(...read.flatMap((one) => (one === null ? [] : [one])));
    }
    return agreed.toSorted((a, b) => compareKeys(a.key, b.key));
  }

  async #read(key: string): Promise<ListItem | null> {
    const { namespaceId, partition } = this.#query;
    try {
      const { record, expiry } = await this.#components.read({ namespaceId, partition }, key, this.#deadline);
      if (record === null || !isValueKind(record.kind)) return null;
      const { ms, counter, digest, contentType } = record;
      return { key, ms, counter, digest, size: sizeOf(record), expiry, contentType };
    } catch {
      throw incomplete(partition, this.#init.replicas);
    }
  }
}

/** Rounds with a replica that does not answer. */
const ROUNDS_MAX = 3;

/** Up to where all pages tell all there is; null is the end. */
function shortest(pages: readonly PageOf[]): string | null {
  let end: string | null = null;
  for (const { answer } of pages) {
    const { next } = answer;
    if (next !== null && (end === null || compareKeys(next, end) < 0)) end = next;
  }
  return end;
}

function isSame(a: ListItem, b: ListItem): boolean {
  return compareRecords(a, b) === 0 && a.size === b.size && a.contentType === b.contentType;
}

function incomplete(partition: number, replicas: number): CodedError {
  const message = `no majority of the ${replicas} replicas of partition ${partition} could be asked: a list would be short; try again`;
  return new CodedError('list_incomplete', message, { partition, replicas });
}
