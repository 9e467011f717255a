/** A topic of a namespace. `owner` is a DID. */
export interface TopicName {
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string;
}

/** A message as a subscriber gets it. */
export interface Delivery extends TopicName {
  /** CID of the envelope, a colon, the index of the message in it. */
  readonly id: string;
  /** did:key of the author. */
  readonly author: string;
  /** The author's epoch: sequence numbers compare only within one. */
  readonly epoch: number;
  /** Counts the author's messages on this topic, without holes. */
  readonly seq: number;
  /** When the author signed it, milliseconds since the Unix epoch. */
  readonly time: number;
  readonly data: Uint8Array;
}

export interface PublishRequest extends TopicName {
  readonly data: Uint8Array;
  /** After this (milliseconds since the Unix epoch) no node accepts it. */
  readonly expiry?: number;
  /** Links (protocols/identity/SPEC.md) from the namespace's holder to this node's `delegate`: signed under these, and no others. */
  readonly chain?: readonly Uint8Array[];
}

/** Facts about a message once it was sent. */
export interface Receipt {
  /** CID of the envelope. */
  readonly id: string;
  readonly messageIds: readonly string[];
  /** Peers the envelope was sent to; 0 is no failure at a node that serves subscribers itself. */
  readonly peersReached: number;
  /** Nodes that stored it; empty until history exists. */
  readonly storedBy: readonly string[];
  readonly durable: boolean;
}

export interface Subscription {
  /** Ends it; idempotent. No delivery comes after. */
  close(): void;
}

export interface Relay {
  /**
   * Signs and sends one message as this node. Throws `CodedError`: `bad_namespace`, `bad_topic`, `bad_owner`,
   * `bad_expiry`, `too_large`, `overloaded` (try again), `no_peers` (a light node that reaches nobody), `forbidden` (the namespace's
   * owner, or the chain that is given, does not let this node do that).
   */
  publish(request: PublishRequest): Promise<Receipt>;
  /**
   * Sends an envelope (protocols/relay/SPEC.md) that its author signed elsewhere. Throws `CodedError`: `bad_envelope`, `forbidden`,
   * `duplicate`, `overloaded`, `no_peers`.
   */
  submitSigned(bytes: Uint8Array): Promise<Receipt>;
  /** `listener` gets every message to the topic from now on, once, this node's own included. It must not throw. */
  subscribe(topic: TopicName, listener: (delivery: Delivery) => void): Subscription;
  /** Topics of a namespace with a subscriber or a message here lately, in bytewise order; bounded. */
  topics(namespace: string, owner: string): string[];
}
