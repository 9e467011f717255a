/** Envelopes and records signed on the client's side: a gateway carries them, and cannot change them. */
import { type Clock, systemClock } from '../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';
import { didKey, encodeMultikey } from '../../protocols/common/did-key.ts';
import { encodeBody, encodeEnvelope, signingBytes } from '../../protocols/relay/codec.ts';
import type { Envelope } from '../../protocols/relay/envelope.ts';
import { SequenceBook } from '../../protocols/relay/sequences.ts';
import { checkEnvelope } from '../../protocols/relay/validate.ts';
import { RecordSigner } from '../../protocols/storage/client.ts';
import { KIND_TOMBSTONE, KIND_VALUE, type Version } from '../../protocols/storage/record.ts';
import { HybridClock } from '../../protocols/storage/version.ts';

export interface AuthorComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly signer: Ed25519Signer;
  /** The platform's unless given. It must be right: nodes refuse what is more than 20 s off. */
  readonly clock?: Clock;
}

export interface AuthorInit {
  /** Name of the swarm: a signature holds in one only. */
  readonly swarm: string;
  /** Delegations from who holds the namespace to this key; none for a key that holds it itself. */
  readonly chain?: readonly Uint8Array[];
}

export interface EnvelopeDraft {
  /** DID by which the namespace was made. */
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string;
  /** 1 to 1 024, at most 144 KiB together. */
  readonly messages: readonly Uint8Array[];
  /** After this (milliseconds since the Unix epoch) no node accepts it. */
  readonly expiry?: number | null;
}

export interface RecordDraft {
  /** DID by which the namespace was made. */
  readonly owner: string;
  readonly namespace: string;
  readonly key: string;
  /** Null deletes: it makes a tombstone. */
  readonly value: Uint8Array | null;
  readonly contentType?: string;
  /** From then on (milliseconds since the Unix epoch) nobody serves it. */
  readonly expiry?: number | null;
  /** Version of what is there: the record's will be above it. */
  readonly after?: Version;
}

/** A key that signs what it says itself, with what was delegated to it. */
export class Author {
  readonly #components: AuthorComponents & { readonly clock: Clock };
  readonly #init: AuthorInit;
  readonly #sequences: SequenceBook;
  readonly #versions: HybridClock;

  constructor(components: AuthorComponents, init: AuthorInit) {
    const clock = components.clock ?? systemClock;
    this.#components = { ...components, clock };
    this.#init = init;
    // nothing is kept: each author begins a new epoch, named by the time
    this.#sequences = new SequenceBook({ clock, reserve: () => undefined });
    this.#versions = new HybridClock({ clock });
  }

  /** did:key of the key. */
  get did(): string {
    return didKey(this.#multikey);
  }

  /** The bytes that `carryEnvelope` takes. Throws `CodedError` for what nobody would take. */
  async signEnvelope(draft: EnvelopeDraft): Promise<Uint8Array> {
    const { crypto, signer, clock } = this.#components;
    const { owner, namespace, topic, messages, expiry = null } = draft;
    const lane = JSON.stringify([owner, namespace, topic]);
    const numbers = this.#sequences.take(lane, messages.length);
    const envelope: Envelope = {
      owner,
      namespace,
      topic,
      author: this.#multikey,
      ...numbers,
      time: clock.now(),
      expiry,
      messages,
      chain: this.#init.chain ?? [],
      ext: {},
    };
    try {
      checkEnvelope(envelope);
    } catch (error) {
      this.#sequences.giveBack(lane, messages.length);
      throw error;
    }
    const body = encodeBody(envelope);
    const signature = await signer.sign(signingBytes(this.#init.swarm, crypto.sha256(body)));
    return encodeEnvelope(body, signature);
  }

  /** The bytes that `carryRecord` takes, at once: a record is refused 20 s later. Throws as `signEnvelope`. */
  async signRecord(draft: RecordDraft): Promise<Uint8Array> {
    const { clock } = this.#components;
    const { owner, namespace, key, value, contentType = '', expiry = null, after } = draft;
    const signer = new RecordSigner(this.#components, this.#init);
    const record = await signer.sign({
      owner,
      namespace,
      key,
      ...this.#versions.next(after),
      time: clock.now(),
      expiry,
      kind: value === null ? KIND_TOMBSTONE : KIND_VALUE,
      value: value ?? new Uint8Array(),
      contentType,
      chain: this.#init.chain ?? [],
    });
    return record.bytes;
  }

  get #multikey(): Uint8Array {
    return encodeMultikey(this.#components.signer.publicKey);
  }
}
