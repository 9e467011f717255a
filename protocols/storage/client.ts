import type { Crypto, Ed25519Signer } from '../common/crypto.ts';
import { encodeMultikey } from '../common/did-key.ts';
import { encodeBody, encodeRecord, signingBytes } from './codec.ts';
import type { RecordBody, SignedRecord } from './record.ts';
import { checkRecord } from './validate.ts';

/** Fields an author gives for a record besides its identity. */
export type RecordDraft = Omit<RecordBody, 'author' | 'ext'>;

export interface RecordSignerComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly signer: Ed25519Signer;
}

/** Makes an author's records. */
export class RecordSigner {
  readonly #components: RecordSignerComponents;
  readonly #swarm: string;
  readonly author: Uint8Array;

  constructor(components: RecordSignerComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    this.author = encodeMultikey(components.signer.publicKey);
  }

  /** Throws `StorageError` `record_field` for a draft that nobody would take. */
  async sign(draft: RecordDraft): Promise<SignedRecord> {
    const { crypto, signer } = this.#components;
    const record = { ...draft, author: this.author, ext: {} };
    checkRecord(record);
    const body = encodeBody(record);
    const digest = crypto.sha256(body);
    const signature = await signer.sign(signingBytes(this.#swarm, digest));
    return { ...record, digest, signature, bytes: encodeRecord(body, signature) };
  }
}
