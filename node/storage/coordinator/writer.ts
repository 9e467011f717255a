import { CLOCK_SKEW_MS } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  type Condition,
  compareRecords,
  type HybridClock,
  type PartitionId,
  ReplicaError,
  type SignedRecord,
  type Stamp,
  type Version,
} from '../../../protocols/storage/index.ts';
import type { Durability } from '../api/interface.ts';
import { OUTRUN_MAX } from '../api/limits.ts';
import { NoAnswer } from '../rpc/client.ts';
import type { Deadline } from '../rpc/deadline.ts';
import { majority, type Needed, Quorum, type QuorumComponents, type QuorumInit } from './quorum.ts';

export interface WriterComponents extends QuorumComponents {
  readonly versions: HybridClock;
}

export interface WriteRequest {
  readonly partition: PartitionId;
  readonly durability: Durability;
  /** Makes the record of a version. */
  readonly sign: (version: Version) => Promise<SignedRecord>;
  /** The version read before, which must still be the newest; null writes unconditionally. */
  readonly expectedVersion: { readonly stamp: Stamp | null } | null;
}

export interface WriteResult {
  readonly record: SignedRecord;
  /** Synced replicas that have it on disk. */
  readonly replicas: readonly string[];
  readonly replicaSet: readonly string[];
  /** All of them keep it until it expires or is deleted. */
  readonly isDurable: boolean;
  /** Whether the replicas are sponsors of the namespace: others keep it for a day at most. */
  readonly isSponsored: boolean;
}

/** Another write came first: what is there now. */
export class VersionConflict extends Error {
  readonly current: Stamp | null;

  constructor(current: Stamp | null) {
    super('another write came first');
    this.current = current;
  }
}

type Written = Pick<Answers['put'], 'outcome' | 'isDurable'>;

const NO_STAMP: Stamp = { ms: 0, counter: 0, digest: new Uint8Array(32) };

export const NEEDED: { readonly [D in Durability]: Needed } = {
  one: () => 1,
  majority,
  all: (replicas) => replicas,
};

/** Writes one record to the replicas, and says only what is known of it. */
export class Writer {
  readonly #components: WriterComponents;
  readonly #init: QuorumInit;

  constructor(components: WriterComponents, init: QuorumInit) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Throws `insufficient_replicas` where nothing is stored for sure, `outcome_unknown` where it may be, `VersionConflict` for a
   * write whose expected version is not the newest any more, `over_quota`, `no_room`, `bad_clock`.
   */
  async write(request: WriteRequest, deadline: Deadline): Promise<WriteResult> {
    const { versions } = this.#components;
    const { expectedVersion, partition } = request;
    let above: Stamp | null = expectedVersion?.stamp ?? null;
    let uncertain: Attempt | null = null;
    for (let tries = 0; tries < OUTRUN_MAX && !deadline.isOver; tries++) {
      const record = await request.sign(versions.next(above ?? undefined));
      const attempt = new Attempt(this.#components, this.#init, request, record, deadline);
      const result = await attempt.run().catch((error: unknown) => {
        // a refusal now says nothing of the record that an earlier attempt may have stored
        throw uncertain === null ? error : uncertain.unknown();
      });
      if (!(result instanceof VersionConflict)) return result;
      if (attempt.mayBeStored) uncertain = attempt;
      if (expectedVersion !== null) throw uncertain === null ? result : uncertain.unknown();
      above = result.current;
      if (above !== null) versions.observe(above);
    }
    const replicaSet = this.#components.places.of(partition).replicas.length;
    throw new CodedError('outcome_unknown', 'others write this key all the time: read it, then try again', {
      replicaSet,
    });
  }

  /** Writes a record as it is: `VersionConflict` where what is held is not below it. */
  async submitSigned(
    {
      record,
      ...request
    }: Pick<WriteRequest, 'partition' | 'durability'> & { readonly record: SignedRecord },
    deadline: Deadline,
  ): Promise<WriteResult> {
    const attempt = new Attempt(
      this.#components,
      this.#init,
      { ...request, expectedVersion: null },
      record,
      deadline,
    );
    const result = await attempt.run();
    if (!(result instanceof VersionConflict)) return result;
    if (attempt.mayBeStored) throw attempt.unknown();
    throw result;
  }
}

/** One record on its way to the replicas. */
class Attempt {
  readonly #components: WriterComponents;
  readonly #request: Pick<WriteRequest, 'partition' | 'durability' | 'expectedVersion'>;
  readonly #record: SignedRecord;
  readonly #deadline: Deadline;
  readonly #quorum: Quorum<Written>;
  readonly #condition: Condition | null;
  /** Replicas that have it on disk, or may have. */
  readonly #stored = new Set<string>();
  readonly #doubtful = new Set<string>();

  constructor(
    components: WriterComponents,
    init: QuorumInit,
    request: Pick<WriteRequest, 'partition' | 'durability' | 'expectedVersion'>,
    record: SignedRecord,
    deadline: Deadline,
  ) {
    const { partition, durability, expectedVersion } = request;
    this.#components = components;
    this.#request = request;
    this.#record = record;
    this.#deadline = deadline;
    this.#condition =
      expectedVersion === null ? null : { kind: 'notAbove', stamp: expectedVersion.stamp ?? NO_STAMP };
    const needed = NEEDED[durability];
    this.#quorum = new Quorum<Written>(components, { ...init, partition, deadline, needed });
  }

  get mayBeStored(): boolean {
    return this.#stored.size > 0 || this.#doubtful.size > 0;
  }

  async run(): Promise<WriteResult | VersionConflict> {
    const quorum = this.#quorum;
    if (this.#isPairBroken()) throw this.#tooFew();
    for (;;) {
      if (this.mayBeStored || (await quorum.gather())) {
        await quorum.round((id, signal) => this.#put(id, signal));
        const agreed = quorum.agreement();
        if (agreed !== null) {
          return this.#done(
            agreed.map(({ id }) => id),
            agreed.every(({ answer }) => answer.isDurable),
          );
        }
        const overtaken = this.#overtaken();
        if (overtaken !== null) return overtaken;
        this.#throwRefused();
      }
      const mayChange = this.mayBeStored || quorum.isUnsettled;
      if (mayChange ? this.#deadline.isOver : this.#deadline.isHalfOver) break;
      await quorum.backOff();
    }
    throw this.mayBeStored ? this.unknown() : this.#tooFew();
  }

  /** True when only one of two replicas is reachable: both are needed, so no client waits for the other. */
  #isPairBroken(): boolean {
    const { needed, place } = this.#quorum;
    return place.replicas.length === 2 && this.#quorum.reachable().length < needed;
  }

  unknown(): CodedError {
    const detail = this.#detail();
    const message = `${detail.stored} of ${detail.replicas} replicas have it on disk, ${detail.acknowledged} of these can vouch for it now, ${detail.needed} are needed: the write may last or not; read, then try again`;
    return new CodedError('outcome_unknown', message, detail);
  }

  /** Throws when `id` did not take it. */
  async #put(id: string, signal: AbortSignal): Promise<Answers['put']> {
    const { ask } = this.#components;
    const request = {
      type: 'put',
      condition: this.#condition,
      asFallback: false,
      record: this.#record.bytes,
    } as const;
    // of an earlier time that had no answer nothing is known, whatever becomes of this one
    const wasDoubtful = this.#doubtful.has(id);
    this.#doubtful.add(id);
    try {
      const answer: Answers['put'] = await ask<'put'>(id, request, signal);
      if (!wasDoubtful) this.#doubtful.delete(id);
      const { outcome } = answer;
      if ('current' in outcome) throw this.#inTheWay(outcome.current);
      this.#stored.add(id);
      return answer;
    } catch (error) {
      const isDefinite = error instanceof ReplicaError && error.code !== 'unavailable';
      const isUnsent = error instanceof NoAnswer && !error.isSent;
      if ((isDefinite || isUnsent) && !wasDoubtful) this.#doubtful.delete(id);
      throw error;
    }
  }

  /** Nobody honest holds what is far in the future: whoever says so is not followed there, or no write would come through. */
  #inTheWay(current: Stamp | null): Error {
    const { clock, metrics } = this.#components;
    if (current === null || current.ms <= clock.now() + 2 * CLOCK_SKEW_MS)
      return new VersionConflict(current);
    metrics.liesFound += 1;
    return new Error('it claims to hold a record of the future');
  }

  #done(replicas: string[], isDurable: boolean): WriteResult {
    const { place } = this.#quorum;
    this.#tellFallbacks();
    const replicaSet = place.replicas.map(({ id }) => id);
    return { record: this.#record, replicas, replicaSet, isDurable, isSponsored: place.isSponsored };
  }

  /** Those that hold the share of replicas that are gone get what is written meanwhile. Nobody waits for it. */
  #tellFallbacks(): void {
    const { places, ask } = this.#components;
    const record = this.#record.bytes;
    for (const { id } of places.fallbacks(this.#quorum.place)) {
      void this.#deadline.run(async () => {
        const request = { type: 'put', condition: null, asFallback: true, record } as const;
        await ask<'put'>(id, request, this.#deadline.signal).catch(() => undefined);
      });
    }
  }

  /** The newest that stands in the way, when it is in the way of so many that not enough are left. */
  #overtaken(): VersionConflict | null {
    const overtaken = this.#errors().filter((error) => error instanceof VersionConflict);
    if (overtaken.length === 0) return null;
    const { needed, place } = this.#quorum;
    if (this.#request.expectedVersion === null || place.replicas.length - overtaken.length < needed) {
      return overtaken.reduce((a, b) => (isAbove(b.current, a.current) ? b : a));
    }
    return null;
  }

  /** Throws when too few replicas are left that did not refuse permanently and none stored the write. */
  #throwRefused(): void {
    if (this.mayBeStored) return;
    const codes = this.#errors().flatMap((error) => (error instanceof ReplicaError ? [error.code] : []));
    const { needed, place } = this.#quorum;
    const refusal = refusedForGood(codes, place.replicas.length, needed);
    if (refusal !== null) throw refusal;
  }

  #errors(): unknown[] {
    return [...this.#quorum.replies.values()].flatMap((reply) => ('error' in reply ? [reply.error] : []));
  }

  #tooFew(): CodedError {
    const detail = this.#detail();
    const there = this.#quorum.reachable().length;
    const advice =
      detail.replicas === 2 && there === 1
        ? 'write with durability=one (maillon put --durability one) to be content with one copy now; a third machine (maillon invite) makes that needless'
        : 'try again';
    const message = `${there} of ${detail.replicas} replicas are there, ${detail.needed} are needed: nothing is stored; ${advice}`;
    return new CodedError('insufficient_replicas', message, detail);
  }

  /** Among replicas that stored it, only synced ones that agree on the replica set count. */
  #detail(): { stored: number; acknowledged: number; needed: number; replicas: number } {
    const { needed, place, agreeing } = this.#quorum;
    return { stored: this.#stored.size, acknowledged: agreeing, needed, replicas: place.replicas.length };
  }
}

/** Maps a replica's refusal code to the client's error. */
const REFUSALS = [
  ['over_quota', 'over_quota', 'the namespace has had its share at its replicas: delete something'],
  ['no_room', 'no_room', 'the replicas have no room left'],
  ['record_clock', 'bad_clock', 'the clock of this node is ahead of those of the replicas: set it right'],
  ['record_unauthorised', 'bad_owner', 'the replicas do not let this node write in this namespace'],
] as const;

/** Error for the client when so many replicas refused permanently that too few are left. */
export function refusedForGood(
  codes: readonly string[],
  replicas: number,
  needed: number,
): CodedError | null {
  for (const [code, raised, message] of REFUSALS) {
    const count = codes.filter((one) => one === code).length;
    // where no replica is known nobody said anything
    if (count > 0 && replicas - count < needed) return new CodedError(raised, message);
  }
  return null;
}

function isAbove(a: Stamp | null, b: Stamp | null): boolean {
  return a !== null && (b === null || compareRecords(a, b) > 0);
}
