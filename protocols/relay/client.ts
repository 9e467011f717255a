import type { Clock } from '../common/clock.ts';
import type { Crypto, Ed25519Signer } from '../common/crypto.ts';
import { encodeMultikey } from '../common/did-key.ts';
import { CodedError } from '../common/errors.ts';
import { checkNamespace, checkOwner, checkTopic } from '../common/names.ts';
import { encodeBody, encodeEnvelope, signingBytes } from './codec.ts';
import { ENVELOPE_MAX_MESSAGES, MESSAGE_MAX_BYTES } from './constants.ts';
import type { Envelope, SignedEnvelope } from './envelope.ts';
import type { SequenceBook } from './sequences.ts';
import type { TopicPlaces } from './shards.ts';

/** One message to be published. */
export interface OutgoingMessage {
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string;
  readonly data: Uint8Array;
  /** After this (milliseconds since the Unix epoch) nobody accepts it; null for never. */
  readonly expiry: number | null;
  /** Delegation chain from the namespace's owner to this author. Messages share an envelope if they share this very list. */
  readonly chain: readonly Uint8Array[];
}

/** The envelope a message went out in, its index there, and to how many peers it was sent. */
export interface PublishedMessage {
  readonly envelope: SignedEnvelope;
  readonly index: number;
  readonly peersReached: number;
}

export interface PublisherComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: Ed25519Signer;
  readonly sequences: SequenceBook;
  readonly places: TopicPlaces;
  /** Sends a signed envelope and resolves to the number of peers it went to. Rejects only if nothing left. */
  readonly send: (envelope: SignedEnvelope) => Promise<number>;
}

export interface PublisherInit {
  readonly swarm: string;
  /**
   * How long, in milliseconds, a message may wait now for others to the same topic. A message after a pause
   * never waits.
   */
  readonly lingerMs: () => number;
  /** Most messages in one envelope. */
  readonly maxMessages: number;
  /** Bytes of messages that may wait, over all topics; each counts for half a KiB beside its data. */
  readonly queueMaxBytes: number;
}

interface Waiting {
  readonly message: OutgoingMessage;
  readonly resolve: (published: PublishedMessage) => void;
  readonly reject: (error: unknown) => void;
}

/** The messages to one topic: sent in order, one envelope at a time. */
interface Lane {
  readonly waiting: Waiting[];
  lastFlush: number;
  draining: boolean;
}

/**
 * The author's side: packs messages into envelopes, numbers, signs and sends them. The first message after a
 * pause goes out at once; those that follow within the linger share an envelope.
 */
export class Publisher {
  readonly #components: PublisherComponents;
  readonly #init: PublisherInit;
  readonly #author: Uint8Array;
  readonly #lanes = new Map<string, Lane>();
  readonly #draining = new Set<Promise<void>>();
  /** Ends each linger that is under way. */
  readonly #lingering = new Set<() => void>();
  #waitingBytes = 0;
  #stopping = false;

  constructor(components: PublisherComponents, init: PublisherInit) {
    if (init.maxMessages < 1 || init.maxMessages > ENVELOPE_MAX_MESSAGES) {
      throw new RangeError(`maxMessages must be 1 to ${ENVELOPE_MAX_MESSAGES}`);
    }
    this.#components = components;
    this.#init = init;
    this.#author = encodeMultikey(components.signer.publicKey);
  }

  /** Bytes of messages that wait to be sent, with what each costs beside its data. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Resolves once the message was sent. Throws `CodedError`: a bad name, `too_large`, `overloaded`. */
  async publish(message: OutgoingMessage): Promise<PublishedMessage> {
    this.#check(message);
    this.#waitingBytes += costOf(message);
    try {
      return await new Promise<PublishedMessage>((resolve, reject) => {
        const lane = this.#lane(message);
        lane.waiting.push({ message, resolve, reject });
        if (!lane.draining) this.#startDraining(this.#components.places.of(message).key, lane);
      });
    } finally {
      this.#waitingBytes -= costOf(message);
    }
  }

  /** Refuses new messages and resolves when all that wait are sent, without lingering any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const end of this.#lingering) end();
    await Promise.allSettled(this.#draining);
  }

  #check(message: OutgoingMessage): void {
    if (this.#stopping)
      throw new CodedError('stopping', 'this node is stopping; send the message to another one');
    checkOwner(message.owner);
    checkNamespace(message.namespace);
    checkTopic(message.topic);
    const size = message.data.byteLength;
    if (size > MESSAGE_MAX_BYTES) {
      throw new CodedError(
        'too_large',
        `a message may have ${MESSAGE_MAX_BYTES} bytes, this one has ${size}`,
      );
    }
    if (message.expiry !== null && !Number.isSafeInteger(message.expiry)) {
      throw new CodedError('bad_expiry', 'expiry must be an integer: milliseconds since the Unix epoch');
    }
    this.#checkExpiry(message);
    if (this.#waitingBytes + costOf(message) > this.#init.queueMaxBytes) {
      throw new CodedError('overloaded', 'too many messages wait to be sent; try again in a second');
    }
  }

  #checkExpiry(message: OutgoingMessage): void {
    if (message.expiry !== null && message.expiry <= this.#components.clock.now()) {
      throw new CodedError(
        'bad_expiry',
        'expiry must lie in the future, also when the message has waited to be sent',
      );
    }
  }

  #lane(message: OutgoingMessage): Lane {
    const { key } = this.#components.places.of(message);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { waiting: [], lastFlush: -Infinity, draining: false };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #startDraining(key: string, lane: Lane): void {
    lane.draining = true;
    const drained = this.#drain(key, lane).finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
  }

  /** Sends until nothing waits. The lane is dropped then, unless its linger still has to be kept. */
  async #drain(key: string, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      await this.#linger(lane);
      lane.lastFlush = this.#components.clock.now();
      // never rejects: whoever waits in the batch is told
      await this.#flush(key, takeBatch(lane.waiting, this.#init.maxMessages));
    }
    lane.draining = false;
    if (this.#lanes.size > LANES_MAX) this.#lanes.delete(key);
  }

  /** Waits for company: not after a pause, not when an envelope is full already. */
  async #linger(lane: Lane): Promise<void> {
    const since = this.#components.clock.now() - lane.lastFlush;
    const wait = this.#init.lingerMs() - Math.max(0, since);
    if (wait <= 0 || this.#stopping || isFull(lane.waiting, this.#init.maxMessages)) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#lingering.delete(end);
        resolve();
      };
      const timer = setTimeout(end, wait);
      this.#lingering.add(end);
    });
  }

  async #flush(key: string, batch: readonly Waiting[]): Promise<void> {
    try {
      const { envelope, peersReached } = await this.#sendNumbered(key, batch);
      batch.forEach((waiting, index) => waiting.resolve({ envelope, index, peersReached }));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  async #sendNumbered(
    key: string,
    batch: readonly Waiting[],
  ): Promise<{ envelope: SignedEnvelope; peersReached: number }> {
    const { sequences, send } = this.#components;
    const numbers = sequences.take(key, batch.length);
    try {
      const envelope = await this.#sign(numbers, batch);
      return { envelope, peersReached: await send(envelope) };
    } catch (error) {
      // nothing left this node: the numbers are free again, so that the author's sequence has no hole
      sequences.giveBack(key, batch.length);
      throw error;
    }
  }

  async #sign(
    numbers: { epoch: number; sequence: number },
    batch: readonly Waiting[],
  ): Promise<SignedEnvelope> {
    const { crypto, clock, signer } = this.#components;
    const first = batch[0]?.message;
    if (first === undefined) throw new RangeError('an envelope holds at least one message');
    this.#checkExpiry(first);
    const envelope: Envelope = {
      owner: first.owner,
      namespace: first.namespace,
      topic: first.topic,
      author: this.#author,
      ...numbers,
      time: clock.now(),
      expiry: first.expiry,
      messages: batch.map((waiting) => waiting.message.data),
      chain: first.chain,
      ext: {},
    };
    const body = encodeBody(envelope);
    const digest = crypto.sha256(body);
    const signature = await signer.sign(signingBytes(this.#init.swarm, digest));
    return { ...envelope, digest, signature, bytes: encodeEnvelope(body, signature) };
  }
}

/** Lanes kept after they ran empty, so that their linger is honoured; beyond, they are dropped at once. */
const LANES_MAX = 10_000;

/** Memory of a waiting message besides its bytes: its entry, its promise, its names. */
const MESSAGE_COST_BYTES = 512;

function costOf(message: OutgoingMessage): number {
  return message.data.byteLength + MESSAGE_COST_BYTES;
}

/** Removes from the front what fits one envelope: same expiry and chain, bounded in number and bytes. */
function takeBatch(waiting: Waiting[], maxMessages: number): Waiting[] {
  return waiting.splice(0, batchLength(waiting, maxMessages));
}

function batchLength(waiting: readonly Waiting[], maxMessages: number): number {
  const first = waiting[0]?.message;
  let bytes = 0;
  let length = 0;
  for (const { message } of waiting) {
    bytes += message.data.byteLength + MESSAGE_HEAD_BYTES;
    const isFull = length === maxMessages || (length > 0 && bytes > MESSAGE_MAX_BYTES);
    if (isFull || message.expiry !== first?.expiry || message.chain !== first.chain) break;
    length += 1;
  }
  return length;
}

/** A full envelope gains nothing by waiting. */
function isFull(waiting: readonly Waiting[], maxMessages: number): boolean {
  const length = batchLength(waiting, maxMessages);
  return length === maxMessages || length < waiting.length;
}

/** The CBOR head of a message of up to 2^32 bytes, so that many small messages keep within the envelope. */
const MESSAGE_HEAD_BYTES = 5;
