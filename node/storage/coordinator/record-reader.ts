import { CLOCK_SKEW_MS } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  compareRecords,
  decodeRecord,
  type HybridClock,
  type PartitionId,
  type Partitions,
  type RecordAdmission,
  ReplicaError,
  type SignedRecord,
  type Stamp,
  type Standing,
  StorageError,
} from '../../../protocols/storage/index.ts';
import type { Consistency } from '../api/interface.ts';
import { DEGRADED_ROUNDS } from '../api/limits.ts';
import { CONFIRMATIONS_MIN, type IsAuthorisedNow } from '../placement/replica-confirmation.ts';
import type { Deadline } from '../rpc/deadline.ts';
import { majority, Quorum, type QuorumComponents, type QuorumInit, type Reply } from './quorum.ts';
import { earlier } from './receipts.ts';

/** Verified state of a key at one replica. */
export interface Copy {
  /** Null where it holds nothing. */
  readonly stamp: Stamp | null;
  /** A value or a tombstone; null for a floor and for nothing. */
  readonly record: SignedRecord | null;
  /** When its holder drops the record, at the latest when it expires; null: never, or no record. */
  readonly expiry: number | null;
  /** Its author could not sign it now: the word of one replica is not enough. */
  readonly isDoubtful: boolean;
}

/** `expiry`: the earliest of those who said that they hold the record. */
export interface ReadResult extends Omit<Copy, 'isDoubtful'> {
  readonly degraded: boolean;
}

export interface RecordReaderComponents extends QuorumComponents {
  readonly admission: RecordAdmission;
  readonly crypto: Crypto;
  readonly partitions: Partitions;
  readonly versions: HybridClock;
  readonly isAuthorisedNow: IsAuthorisedNow;
  /** Replicas that hold less than the newest copy, to be given it; `isDamaged` where their own does not open. */
  readonly repair: (record: SignedRecord, ids: readonly string[]) => void;
}

const NOTHING: Copy = { stamp: null, record: null, expiry: null, isDoubtful: false };

/** Reads one key of the replicas, and believes only what it verified. */
export class RecordReader {
  readonly #components: RecordReaderComponents;
  readonly #init: QuorumInit & { readonly self: string };

  constructor(components: RecordReaderComponents, init: QuorumInit & { readonly self: string }) {
    this.#components = components;
    this.#init = init;
  }

  /** Throws `insufficient_replicas`, `corrupt`. */
  async read(
    partition: PartitionId,
    key: string,
    deadline: Deadline,
    consistency: Consistency | undefined,
  ): Promise<ReadResult> {
    const init = { ...this.#init, partition, deadline, needed: majority };
    const quorum = new Quorum<Copy>(this.#components, init);
    const ask = (id: string, signal: AbortSignal): Promise<Copy & Standing> => {
      return this.ask(id, partition, key, signal);
    };
    if (consistency === 'one') return this.#one(quorum, ask, deadline);
    for (;;) {
      await quorum.round(ask);
      const agreed = quorum.agreement();
      if (agreed !== null) {
        const result = await this.#settled(quorum);
        if (result.degraded && consistency === 'majority') throw tooFew(quorum, deadline);
        if (!result.degraded) this.#mend(quorum, result, deadline);
        return result;
      }
      if (deadline.isOver || (consistency === undefined && isHopeless(quorum, deadline))) break;
      await quorum.backOff();
    }
    if (consistency === 'majority') throw tooFew(quorum, deadline);
    return this.#best(quorum, ask, deadline);
  }

  /**
   * The newest that a majority has told. A doubtful version counts where enough replicas hold it. Before the reader skips one it
   * hears all replicas, since the version may have been acknowledged.
   */
  async #settled(quorum: Quorum<Copy>): Promise<ReadResult> {
    const { replicas } = quorum.place;
    const needed = Math.min(CONFIRMATIONS_MIN, replicas.length);
    const all = (): Reply<Copy>[] => [...quorum.replies.values()];
    const isSure = (): boolean => {
      const newest = newestOf(all());
      return !newest.isDoubtful || countOf(all(), newest) >= needed;
    };
    if (!isSure()) await quorum.allSettled();
    const newest = newestOf(all().filter((reply) => isVouched(reply, all(), needed)));
    const isHeard = replicas.every(({ id }) => 'answer' in (quorum.replies.get(id) ?? {}));
    return { ...newest, expiry: earliestOf(all(), newest), degraded: !isSure() && !isHeard };
  }

  /** Verified answer of replica `id`. Throws when it does not answer, or not with that. */
  async ask(id: string, partition: PartitionId, key: string, signal: AbortSignal): Promise<Copy & Standing> {
    const { ask, admission, clock, metrics, partitions, versions } = this.#components;
    const request = { type: 'get', ...partitions.named(partition.namespaceId), key } as const;
    const { setId, isSynced, held }: Answers['get'] = await ask<'get'>(id, request, signal);
    if (held === null) return { setId, isSynced, ...NOTHING };
    try {
      if (held.kind === 'floor') {
        if (held.stamp.ms > clock.now() + CLOCK_SKEW_MS) {
          throw new StorageError('record_clock', 'a floor is from the future');
        }
        return { setId, isSynced, ...NOTHING, stamp: held.stamp };
      }
      const record = await admission.admit(held.record, id, 'asked', { partition, key });
      versions.observe(record);
      const isDoubtful = !(await this.#components.isAuthorisedNow(record));
      return {
        setId,
        isSynced,
        stamp: record,
        record,
        expiry: earlier(held.expiry, record.expiry),
        isDoubtful,
      };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'record_expired' && held.kind === 'record') {
        const stamp = decodeRecord(held.record, this.#components.crypto);
        return { setId, isSynced, ...NOTHING, stamp };
      }
      if (error.code !== 'overloaded') metrics.liesFound += 1;
      throw error;
    }
  }

  /** The nearest copy: this node's own, or the first that comes. */
  async #one(
    quorum: Quorum<Copy>,
    ask: (id: string, signal: AbortSignal) => Promise<Copy & Standing>,
    deadline: Deadline,
  ): Promise<ReadResult> {
    const { self } = this.#init;
    const { replicas } = quorum.place;
    if (replicas.some(({ id }) => id === self)) {
      const own = await ask(self, deadline.signal).catch(() => null);
      if (own?.isSynced === true) return { ...own, degraded: false };
    }
    const first = await firstWithRecord(quorum.reachable(), (id) => ask(id, deadline.signal));
    if (first !== null && (first.stamp !== null || first.isSynced)) return { ...first, degraded: false };
    return { ...(await this.#best(quorum, ask, deadline)), degraded: false };
  }

  /** No majority can be asked: the newest copy of all that answer, fallback replicas too. */
  async #best(
    quorum: Quorum<Copy>,
    ask: (id: string, signal: AbortSignal) => Promise<Copy & Standing>,
    deadline: Deadline,
  ): Promise<ReadResult> {
    const { places, metrics } = this.#components;
    const asked = new Set(quorum.place.replicas.map(({ id }) => id));
    // a sponsor that is not counted may hold what the replicas that are gone held
    const others = [...places.fallbacks(quorum.place), ...places.sponsorsOf(quorum.place)]
      .map(({ id }) => id)
      .filter((id) => !asked.has(id) && asked.add(id));
    const copies = await Promise.all(others.map((id) => ask(id, deadline.signal).catch(() => null)));
    const found = copies.flatMap((copy, index) => {
      return copy === null ? [] : [{ id: others[index] ?? '', answer: copy }];
    });
    const all = [...quorum.replies.values(), ...found];
    const newest = newestOf(all);
    if (newest.stamp === null) throw tooFew(quorum, deadline);
    metrics.degradedReads += 1;
    return { ...newest, expiry: earliestOf(all, newest), degraded: true };
  }

  /** Gives the newest copy to replicas that have an older one, when all have answered. */
  #mend(quorum: Quorum<Copy>, newest: ReadResult, deadline: Deadline): void {
    const { record } = newest;
    const { replicas } = quorum.place;
    const isSame = [...quorum.replies.values()].every((reply) => isCurrent(reply, newest));
    if (record === null || (isSame && quorum.replies.size >= replicas.length)) return;
    const behind = (): string[] => {
      return replicas.flatMap(({ id }) => {
        const reply = quorum.replies.get(id);
        return reply === undefined || isCurrent(reply, newest) ? [] : [id];
      });
    };
    void deadline.run(async () => {
      await quorum.allSettled();
      const ids = behind();
      if (ids.length > 0) this.#components.repair(record, ids);
    });
  }
}

/** Whether a replica is as the newest copy is, or is not to be repaired: it did not answer. */
function isCurrent(reply: Reply<Copy>, { stamp }: ReadResult): boolean {
  if (!('answer' in reply)) return !(reply.error instanceof ReplicaError && reply.error.code === 'corrupt');
  if (stamp === null) return true;
  return reply.answer.stamp !== null && compareRecords(reply.answer.stamp, stamp) >= 0;
}

function newestOf(replies: readonly Reply<Copy>[]): Copy {
  let newest = NOTHING;
  for (const reply of replies) {
    if (!('answer' in reply)) continue;
    const { stamp } = reply.answer;
    if (stamp === null) continue;
    const order = newest.stamp === null ? 1 : compareRecords(stamp, newest.stamp);
    // a floor of the same stamp is that of a replica that keeps it for a day only: its author has not ended it
    if (order > 0 || (order === 0 && newest.record === null)) newest = reply.answer;
  }
  return newest;
}

/** The replies that hold just this. */
function holdersOf(replies: readonly Reply<Copy>[], { stamp }: Copy): Copy[] {
  return replies.flatMap((reply) => {
    const held = 'answer' in reply ? reply.answer.stamp : null;
    const isIt = held !== null && stamp !== null && compareRecords(held, stamp) === 0;
    return isIt && 'answer' in reply ? [reply.answer] : [];
  });
}

/** How many replies hold just this. */
function countOf(replies: readonly Reply<Copy>[], copy: Copy): number {
  return holdersOf(replies, copy).length;
}

/** When the first of those that hold just this drops it. */
function earliestOf(replies: readonly Reply<Copy>[], copy: Copy): number | null {
  return holdersOf(replies, copy).reduce((expiry, one) => earlier(expiry, one.expiry), copy.expiry);
}

/** Whether what a reply holds counts: its author could sign it now, or enough replies hold it. */
function isVouched(reply: Reply<Copy>, all: readonly Reply<Copy>[], needed: number): boolean {
  return 'answer' in reply && (!reply.answer.isDoubtful || countOf(all, reply.answer) >= needed);
}

/** Whether it is no use to go on asking: nobody is there that may soon count, or half of the time is over. */
function isHopeless(quorum: Quorum<Copy>, deadline: Deadline): boolean {
  if (quorum.isUnsettled) return deadline.isHalfOver;
  return quorum.rounds >= DEGRADED_ROUNDS;
}

/** The first answer with a record, or else the first answer. */
async function firstWithRecord(
  ids: readonly string[],
  ask: (id: string) => Promise<Copy & Standing>,
): Promise<(Copy & Standing) | null> {
  let other: (Copy & Standing) | null = null;
  const attempts = ids.map(async (id) => {
    const copy = await ask(id);
    if (copy.record !== null) return copy;
    if (other === null || (copy.isSynced && !other.isSynced)) other = copy;
    throw new Error('it holds no record');
  });
  return Promise.any(attempts).catch(() => other);
}

function tooFew(quorum: Quorum<Copy>, deadline: Deadline): CodedError {
  const replies = [...quorum.replies.values()];
  const isDamaged = replies.some((reply) => 'error' in reply && isCorrupt(reply.error));
  if (isDamaged && replies.every((reply) => 'error' in reply)) {
    return new CodedError('corrupt', 'no copy that could be read is what was written');
  }
  const answered = replies.filter((reply) => 'answer' in reply).length;
  const detail = { acknowledged: answered, needed: quorum.needed, replicas: quorum.place.replicas.length };
  const advice = deadline.isOver ? 'they did not agree in time' : 'the others are not there';
  const message = `${answered} of ${detail.replicas} replicas answered, ${detail.needed} are needed: ${advice}; try again`;
  return new CodedError('insufficient_replicas', message, detail);
}

function isCorrupt(error: unknown): boolean {
  return error instanceof ReplicaError && error.code === 'corrupt';
}
