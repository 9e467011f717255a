/** An author's one or more messages to a topic of a namespace. */
export interface Envelope {
  /** DID of the namespace's owner. */
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string;
  /** Multikey of the author, 34 bytes. */
  readonly author: Uint8Array;
  /** Raised when the author has lost its counter; sequences start anew in each epoch. */
  readonly epoch: number;
  /** Sequence number of the first message; message i has `sequence + i`. Starts at 1. */
  readonly sequence: number;
  /** When it was signed, milliseconds since the Unix epoch. */
  readonly time: number;
  /** After this no node accepts it; null for none. */
  readonly expiry: number | null;
  readonly messages: readonly Uint8Array[];
  /** Delegation chain from the namespace's holder to the author; empty where that is the author. */
  readonly chain: readonly Uint8Array[];
  /** Signed room for extensions. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** An envelope with what names and proves it. */
export interface SignedEnvelope extends Envelope {
  /** SHA-256 of the body: the digest in the envelope's CID, 32 bytes. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  /** The wire form. */
  readonly bytes: Uint8Array;
}
