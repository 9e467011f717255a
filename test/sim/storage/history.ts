import { compareEtags } from './etag.ts';
import type { ListedEntry, Outcome, ReadOutcome } from './site.ts';

export type Kind = 'put' | 'delete';

/** A write as its client saw it. */
export interface Op {
  readonly key: string;
  readonly kind: Kind;
  /** Unlike any other value; empty of a deletion. */
  readonly text: string;
  readonly startedAt: number;
  readonly ifMatch?: string;
  readonly ifAbsent?: boolean;
  /** Infinity while it is open. */
  endedAt: number;
  outcome: 'open' | Outcome['kind'];
  /** For an acknowledged write. */
  etag: string;
}

/** An acknowledged write with what an order needs. */
type Acked = Op & { readonly outcome: 'acked' };

export type Violation =
  /** An acknowledged value is gone without anything that may have replaced it. */
  | 'lost'
  /** A value older than one that was acknowledged before the read began. */
  | 'older'
  /** A value below an acknowledged deletion. */
  | 'deletedBack'
  /** A value of a write that was refused for certain. */
  | 'refusedSeen'
  /** A value that nobody wrote, or under another version than was acknowledged. */
  | 'unknownValue'
  /** A write that was acknowledged later has the lower version. */
  | 'versionOrder'
  /** A conditional write was acknowledged though its condition had ceased to hold before it began. */
  | 'staleCondition'
  /** A list without a key that it must have, with one it must not have, or out of order. */
  | 'listWrong';

/**
 * A version's clock part is the coordinator's clock at the time, on the same machine as this one's: what ended without an answer so
 * long before another version's time has a lower one.
 */
const CLOCK_MARGIN_MS = 1_000;
const EXAMPLES_MAX = 20;

/** Knows every write and what became of it, and holds every answer against that. */
export class History {
  readonly #ops = new Map<string, Op[]>();
  readonly #byText = new Map<string, Op>();
  readonly #seen = new Set<Op>();
  readonly #greatestRead = new Map<string, string>();
  readonly violations: Record<Violation, number> = {
    lost: 0,
    older: 0,
    deletedBack: 0,
    refusedSeen: 0,
    unknownValue: 0,
    versionOrder: 0,
    staleCondition: 0,
    listWrong: 0,
  };
  /** The first of them, in words. */
  readonly examples: string[] = [];
  /** Reads older than a read before, of values never acknowledged: not promised, only counted. */
  backwardReads = 0;
  acked = 0;
  refused = 0;
  unclear = 0;
  reads = 0;
  failedReads = 0;
  lists = 0;
  failedLists = 0;
  readonly codes = new Map<string, number>();
  #lastNow = 0;

  get keys(): readonly string[] {
    return [...this.#ops.keys()];
  }

  get violationCount(): number {
    return Object.values(this.violations).reduce((a, b) => a + b, 0);
  }

  /** A clock that never shows the same twice: what ended before something began is before it. */
  now(): number {
    this.#lastNow = Math.max(Date.now(), this.#lastNow + 0.001);
    return this.#lastNow;
  }

  begin(op: Pick<Op, 'key' | 'kind' | 'text' | 'ifMatch' | 'ifAbsent'>): Op {
    const begun: Op = {
      ...op,
      startedAt: this.now(),
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'open',
      etag: '',
    };
    const ops = this.#ops.get(op.key);
    if (ops === undefined) this.#ops.set(op.key, [begun]);
    else ops.push(begun);
    if (op.kind === 'put') this.#byText.set(op.text, begun);
    return begun;
  }

  end(op: Op, outcome: Outcome): void {
    op.endedAt = this.now();
    op.outcome = outcome.kind;
    this[outcome.kind] += 1;
    if (outcome.kind === 'acked') {
      op.etag = outcome.etag;
      this.#judgeAcked(op as Acked);
    } else {
      this.#count(outcome.code);
      if (outcome.kind === 'refused' && this.#seen.has(op)) this.#report('refusedSeen', describe(op));
    }
  }

  /** The greatest write to `key` that was acknowledged before `time`. */
  base(key: string, time = Number.POSITIVE_INFINITY): Op | null {
    let base: Op | null = null;
    for (const op of this.#ops.get(key) ?? []) {
      if (op.outcome !== 'acked' || op.endedAt >= time) continue;
      if (base === null || compareEtags(op.etag, base.etag) > 0) base = op;
    }
    return base;
  }

  /** The last acknowledged value's ETag, for a conditional write that should go well. */
  etagOf(key: string): string | null {
    const base = this.base(key);
    return base === null || base.kind === 'delete' ? null : base.etag;
  }

  /** Acknowledged writes of both kinds to `key` that began after `from` and ended before `to`, with where they were sent. */
  opsOf(key: string): readonly Op[] {
    return this.#ops.get(key) ?? [];
  }

  /** Holds the answer to a majority read that began at `startedAt` against what is known. */
  judgeRead(key: string, startedAt: number, read: ReadOutcome, at: string): void {
    if (read.kind === 'failed') {
      this.failedReads += 1;
      this.#count(`read ${read.code}`);
      return;
    }
    this.reads += 1;
    const base = this.base(key, startedAt);
    const where = `read of ${key} at ${at}: ${JSON.stringify(read)}, acknowledged: ${describe(base)}`;
    if (read.kind === 'none') {
      if (base?.kind === 'put' && !this.#mayBe('delete', key, base)) this.#report('lost', where);
      return;
    }
    const op = this.#byText.get(read.text);
    const isForeign = op?.key !== key || (op.outcome === 'acked' && op.etag !== read.etag);
    if (op === undefined || isForeign) return this.#report('unknownValue', where);
    this.#seen.add(op);
    if (op.outcome === 'refused') this.#report('refusedSeen', where);
    if (base !== null && compareEtags(read.etag, base.etag) < 0) {
      this.#report(base.kind === 'delete' ? 'deletedBack' : 'older', where);
      return;
    }
    this.#noteBackward(key, read.etag);
  }

  /** Holds a whole list under `prefix` that began at `startedAt` against what is known. */
  judgeList(prefix: string, startedAt: number, listed: readonly ListedEntry[] | string, at: string): void {
    if (typeof listed === 'string') {
      this.failedLists += 1;
      this.#count(`list ${listed}`);
      return;
    }
    this.lists += 1;
    const found = new Map(listed.map(({ key, etag }) => [key, etag]));
    const isAscending = listed.every(({ key }, i) => i === 0 || (listed[i - 1]?.key ?? '') < key);
    if (!isAscending) this.#report('listWrong', `list of ${prefix} at ${at} is out of order`);
    for (const key of found.keys()) {
      if (!key.startsWith(prefix) || !this.#ops.has(key)) {
        this.#report('listWrong', `list of ${prefix} at ${at} has ${key}, which is none of it`);
      }
    }
    for (const key of this.#ops.keys()) {
      if (key.startsWith(prefix)) this.#judgeEntry(key, startedAt, found.get(key), at);
    }
  }

  #judgeEntry(key: string, startedAt: number, etag: string | undefined, at: string): void {
    const base = this.base(key, startedAt);
    const where = `${key} in a list at ${at}: ${etag ?? 'missing'}, acknowledged: ${describe(base)}`;
    if (etag === undefined) {
      if (base?.kind === 'put' && !this.#mayBe('delete', key, base)) this.#report('listWrong', where);
    } else if (base === null) {
      if (!this.#mayBe('put', key, null)) this.#report('listWrong', where);
    } else if (compareEtags(etag, base.etag) < 0) this.#report('listWrong', where);
    else if (base.kind === 'delete' && !this.#mayBe('put', key, base)) this.#report('listWrong', where);
  }

  /** Whether a write of this kind may stand above `base`. */
  #mayBe(kind: Kind, key: string, base: Op | null): boolean {
    const baseMs = base === null ? Number.NEGATIVE_INFINITY : msOf(base.etag);
    return this.opsOf(key).some((op) => {
      if (op.kind !== kind || op.outcome === 'refused') return false;
      if (op.outcome === 'acked') return base === null || compareEtags(op.etag, base.etag) > 0;
      return op.endedAt + CLOCK_MARGIN_MS >= baseMs;
    });
  }

  #judgeAcked(op: Acked): void {
    const base = this.base(op.key, op.startedAt);
    if (base === null) return;
    const where = `${describe(op)}, acknowledged before: ${describe(base)}`;
    if (compareEtags(op.etag, base.etag) <= 0) this.#report('versionOrder', where);
    if (op.ifMatch !== undefined && compareEtags(op.ifMatch, base.etag) < 0) {
      this.#report('staleCondition', where);
    }
    const mustBeThere = base.kind === 'put' && !this.#mayBe('delete', op.key, base);
    if (op.ifAbsent === true && mustBeThere) this.#report('staleCondition', where);
  }

  #noteBackward(key: string, etag: string): void {
    const greatest = this.#greatestRead.get(key);
    if (greatest !== undefined && compareEtags(etag, greatest) < 0) this.backwardReads += 1;
    else this.#greatestRead.set(key, etag);
  }

  #report(violation: Violation, text: string): void {
    this.violations[violation] += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(`${violation}: ${text}`);
  }

  #count(code: string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }
}

function msOf(etag: string): number {
  return Number(etag.slice(1, etag.indexOf('-')));
}

function describe(op: Op | null): string {
  if (op === null) return 'nothing';
  const { kind, key, text, outcome, etag, startedAt, endedAt } = op;
  return `${kind} ${key} ${text} ${outcome} ${etag} [${startedAt}–${endedAt}]`;
}
