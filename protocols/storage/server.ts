import { bytesKey, equalBytes } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import { ConcurrencyLimit } from '../common/concurrency-limit.ts';
import type { Crypto } from '../common/crypto.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { IGNORED_DEFAULT, PeerReputation } from '../common/peer-reputation.ts';
import { RATED_PEERS_MAX, RateLimit } from '../common/rate-limit.ts';
import { decodeRecord, signingBytes } from './codec.ts';
import {
  CLOCK_GRACE_MS,
  CLOCK_SKEW_MS,
  VERIFIED_MAX,
  VERIFY_QUEUE_MAX,
  VERIFY_QUEUE_MAX_PER_PEER,
} from './constants.ts';
import { StorageError } from './errors.ts';
import type { StorageMetrics } from './metrics.ts';
import type { Partitions } from './partition.ts';
import type { PartitionId, RecordBody, SignedRecord } from './record.ts';
import { REQUESTS, type RequestType } from './request-types.ts';
import { checkTime } from './validate.ts';

/**
 * Whether a namespace's policy lets the author write there. `isNew`: it was signed just now; an older one is held against its own
 * time only. Throws `StorageError`: `record_unauthorised` where the answer depends on what this node knows (ignored),
 * `record_chain` for a chain that does not hold by itself, at the record's own time (a proven fault).
 */
export type AuthoriseRecord = (record: RecordBody, isNew: boolean, peer: string) => void | Promise<void>;

/** `asked`: this node asked for it, so that it is nobody's fault when it is early, late or of a later version. */
export type RecordOrigin = 'pushed' | 'asked';

/** Where a record was to be from; what is not said may be anything. */
export interface ExpectedPlace {
  readonly partition?: PartitionId;
  readonly key?: string;
}

export interface RecordAdmissionComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly partitions: Partitions;
  readonly authorise: AuthoriseRecord;
  readonly metrics: StorageMetrics;
}

/**
 * Decides about every record that comes from a peer: size, form, fields, place, clock, expiry, signature, authorisation, in that
 * order, cheapest first. It does not verify the signature of the same bytes twice.
 */
export class RecordAdmission {
  readonly #components: RecordAdmissionComponents;
  readonly #swarm: string;
  readonly #conduct: PeerReputation;
  readonly #pending = new ConcurrencyLimit({ max: VERIFY_QUEUE_MAX, maxPerKey: VERIFY_QUEUE_MAX_PER_PEER });
  /** Records whose signature holds, by digest and signature: another signature over the same body is another matter. */
  readonly #verified = new Set<string>();
  /** Verifications under way: copies that come together wait for the first. */
  readonly #verifying = new Map<string, Promise<boolean>>();

  constructor(components: RecordAdmissionComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    this.#conduct = new PeerReputation(components, IGNORED_DEFAULT);
  }

  /** Records that wait for verification now. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Whether `peer` is not to be listened to for what it sent, over reconnections. */
  isGraylisted(peer: string): boolean {
    return this.#conduct.isGraylisted(peer);
  }

  /** Takes note of a record of this node's own: it comes back in repairs. */
  trust(record: SignedRecord): void {
    this.#remember(verificationKey(record));
  }

  /** Holds a frame that could not be read against the peer that sent it. */
  refuse(peer: string, error: StorageError, origin: RecordOrigin = 'pushed'): void {
    this.#components.metrics.refused[error.code] += 1;
    if (origin === 'pushed' || error.fault === 'sender') this.#conduct.charge(peer, error);
  }

  /** The record in `bytes`, verified. Throws `StorageError` when it is not to be taken. */
  async admit(
    bytes: Uint8Array,
    peer: string,
    origin: RecordOrigin,
    expected: ExpectedPlace = {},
  ): Promise<SignedRecord> {
    try {
      const record = await this.#check(bytes, peer, origin, expected);
      this.#components.metrics.recordsAccepted += 1;
      this.#components.metrics.bytesAccepted += bytes.byteLength;
      return record;
    } catch (error) {
      if (error instanceof StorageError) this.refuse(peer, error, origin);
      throw error;
    }
  }

  async #check(
    bytes: Uint8Array,
    peer: string,
    origin: RecordOrigin,
    expected: ExpectedPlace,
  ): Promise<SignedRecord> {
    const { crypto, clock, authorise } = this.#components;
    const record = decodeRecord(bytes, crypto);
    this.#checkPlace(record, expected);
    checkTime(record, clock.now());
    await this.#verifyOnce(record, peer);
    await authorise(record, origin === 'pushed' && isNew(record, clock.now()), peer);
    return record;
  }

  #checkPlace(record: RecordBody, { partition, key }: ExpectedPlace): void {
    const isOtherKey = key !== undefined && record.key !== key;
    if (isOtherKey || (partition !== undefined && !this.#isIn(record, partition))) {
      throw new StorageError('record_misplaced', 'record is not of the place it was to be of');
    }
  }

  #isIn(record: RecordBody, expected: PartitionId): boolean {
    const { namespaceId, partition } = this.#components.partitions.of(record);
    return partition === expected.partition && equalBytes(namespaceId, expected.namespaceId);
  }

  async #verifyOnce(record: SignedRecord, peer: string): Promise<void> {
    const key = verificationKey(record);
    if (this.#verified.has(key)) return;
    const release = this.#pending.tryAcquire(peer);
    if (release === null) {
      throw new StorageError('overloaded', 'too many records wait for verification', true);
    }
    try {
      const verification = this.#verifying.get(key) ?? this.#startVerifying(key, record);
      if (!(await verification)) throw new StorageError('record_signature', 'signature does not verify');
    } finally {
      release();
    }
  }

  async #startVerifying(key: string, record: SignedRecord): Promise<boolean> {
    const verification = this.#verify(record);
    this.#verifying.set(key, verification);
    try {
      const isValid = await verification;
      if (isValid) this.#remember(key);
      return isValid;
    } finally {
      this.#verifying.delete(key);
    }
  }

  async #verify({ author, digest, signature }: SignedRecord): Promise<boolean> {
    this.#components.metrics.recordsVerified += 1;
    const message = signingBytes(this.#swarm, digest);
    return this.#components.crypto.verifyEd25519(decodeMultikey(author), message, signature);
  }

  /** The oldest one is forgotten first. */
  #remember(key: string): void {
    this.#verified.delete(key);
    this.#verified.add(key);
    if (this.#verified.size <= VERIFIED_MAX) return;
    const oldest = this.#verified.values().next().value;
    if (oldest !== undefined) this.#verified.delete(oldest);
  }
}

/** Meters what each peer asks, by type, as the table of requests has it. */
export class RequestQuotas {
  readonly #limits = new Map<RequestType, RateLimit>();

  constructor(components: { readonly clock: Clock }) {
    for (const type of Object.keys(REQUESTS) as RequestType[]) {
      const { perSecond, burst } = REQUESTS[type];
      const init = { perSecond, burst, debtMax: perSecond, maxKeys: RATED_PEERS_MAX };
      this.#limits.set(type, new RateLimit(components, init));
    }
  }

  /** Charges `peer` with one request. False when it asks too much: it gets `rate_limited` for an answer. */
  take(peer: string, type: RequestType): boolean {
    return this.#limits.get(type)?.take(peer) === 0;
  }
}

/** Whether it was signed so lately that whoever sends it may be its author: else it is a copy of what others took. */
export function isNew({ time }: Pick<RecordBody, 'time'>, now: number): boolean {
  return time >= now - CLOCK_SKEW_MS - CLOCK_GRACE_MS;
}

function verificationKey({ digest, signature }: Pick<SignedRecord, 'digest' | 'signature'>): string {
  return bytesKey(digest) + bytesKey(signature);
}
