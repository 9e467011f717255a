import type { Clock } from '../common/clock.ts';
import { ConcurrencyLimit } from '../common/concurrency-limit.ts';
import type { Crypto } from '../common/crypto.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { PeerReputation } from '../common/peer-reputation.ts';
import { decodeEnvelope, digestKey, signingBytes } from './codec.ts';
import type { Envelope, SignedEnvelope } from './envelope.ts';
import { RelayError } from './errors.ts';
import type { RelayMetrics } from './metrics.ts';
import type { TopicPlaces } from './shards.ts';
import { checkTime } from './validate.ts';

/** Ids that were verified and taken. Kept across restarts by whoever implements it. */
export interface SeenIds {
  has(digest: Uint8Array): boolean;
  /** Remembers `digest`, durably against a kill of this process before it returns. False when it is full. */
  add(digest: Uint8Array): boolean;
}

/**
 * Whether a namespace's policy lets the author publish there. Throws `RelayError`: `envelope_unauthorised`
 * where the answer depends on what this node knows (ignored), `envelope_chain` for a chain that does not hold by
 * itself, at the envelope's own time (rejected).
 */
export type Authorise = (envelope: Envelope, peer: string) => void | Promise<void>;

export interface AdmissionComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly seen: SeenIds;
  readonly places: TopicPlaces;
  readonly authorise: Authorise;
  readonly metrics: RelayMetrics;
}

export interface AdmissionInit {
  readonly swarm: string;
  /** Envelopes that may wait for verification. */
  readonly queueMax: number;
  /** Envelopes of one peer among them, so that one peer cannot fill the queue. */
  readonly queueMaxPerPeer: number;
  /** Ignored envelopes a peer may send: honest peers forward some, a flood of them is not looked at. */
  readonly ignoredPerSecond: number;
  readonly ignoredBurst: number;
}

/**
 * Decides about every envelope that comes from a peer: size, form, shard, clock, duplicate, signature,
 * authorisation, in that order, cheapest first. An id counts as seen only after verification, so a forgery
 * cannot keep the true envelope out.
 */
export class Admission {
  readonly #components: AdmissionComponents;
  readonly #init: AdmissionInit;
  readonly #conduct: PeerReputation;
  /** Verifications under way by envelope id: a copy with another signature waits for the first. */
  readonly #verifying = new Map<string, Promise<boolean>>();
  readonly #pending: ConcurrencyLimit;

  constructor(components: AdmissionComponents, init: AdmissionInit) {
    this.#components = components;
    this.#init = init;
    this.#conduct = new PeerReputation(components, init);
    this.#pending = new ConcurrencyLimit({ max: init.queueMax, maxPerKey: init.queueMaxPerPeer });
  }

  /** Envelopes that wait for verification now. */
  get waiting(): number {
    return this.#pending.size;
  }

  /**
   * Whether `peer` is to be graylisted: it sent proven faults, or made this node ignore more than it may. Its
   * envelopes are not dropped one by one: gossip would take the same ones of another peer for further copies.
   * Gossip's own score forgets a peer that reconnects; this does not.
   */
  isGraylisted(peer: string): boolean {
    return this.#conduct.isGraylisted(peer);
  }

  /**
   * The envelope in `bytes`, taken and marked as seen. Throws `RelayError` when it is not to be taken. `gossipTopic`: where it
   * came; null for one that a client handed in.
   */
  async admit(bytes: Uint8Array, peer: string, gossipTopic: string | null): Promise<SignedEnvelope> {
    try {
      const envelope = await this.#check(bytes, peer, gossipTopic);
      this.#components.metrics.envelopesAccepted += 1;
      this.#components.metrics.bytesAccepted += bytes.byteLength;
      return envelope;
    } catch (error) {
      if (error instanceof RelayError) {
        this.#components.metrics.refused[error.code] += 1;
        this.#conduct.charge(peer, error);
      }
      throw error;
    }
  }

  async #check(bytes: Uint8Array, peer: string, gossipTopic: string | null): Promise<SignedEnvelope> {
    const { crypto, clock, seen, places, authorise } = this.#components;
    const envelope = decodeEnvelope(bytes, crypto);
    if (gossipTopic !== null && places.of(envelope).gossipTopic !== gossipTopic) {
      throw new RelayError('envelope_shard', 'envelope was sent on a shard that is not its topic’s');
    }
    checkTime(envelope, clock.now());
    if (seen.has(envelope.digest)) throw duplicate();
    await this.#verifyOnce(envelope, peer);
    await authorise(envelope, peer);
    if (seen.has(envelope.digest)) throw duplicate();
    if (!seen.add(envelope.digest))
      throw new RelayError('overloaded', 'the deduplication window is full', true);
    return envelope;
  }

  /** Verifies the signature. Verifies one of several copies of an envelope that arrive together. */
  async #verifyOnce(envelope: SignedEnvelope, peer: string): Promise<void> {
    const key = digestKey(envelope.digest);
    const release = this.#pending.tryAcquire(peer);
    if (release === null) {
      throw new RelayError('overloaded', 'too many envelopes wait for verification', true);
    }
    try {
      const underway = this.#verifying.get(key);
      if (underway !== undefined && (await underway)) throw duplicate();
      const verification = this.#verify(envelope);
      this.#verifying.set(key, verification);
      try {
        if (!(await verification)) throw new RelayError('envelope_signature', 'signature does not verify');
      } finally {
        if (this.#verifying.get(key) === verification) this.#verifying.delete(key);
      }
    } finally {
      release();
    }
  }

  async #verify(envelope: SignedEnvelope): Promise<boolean> {
    const message = signingBytes(this.#init.swarm, envelope.digest);
    return this.#components.crypto.verifyEd25519(
      decodeMultikey(envelope.author),
      message,
      envelope.signature,
    );
  }
}

function duplicate(): RelayError {
  return new RelayError('envelope_duplicate', 'envelope was seen before');
}
