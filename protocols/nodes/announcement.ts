/** A node's announcement of itself. */
export interface NodeAnnouncement {
  /** Multikey of the node, 34 bytes: its libp2p key, from which its peer id follows. */
  readonly author: Uint8Array;
  /** When it was signed, milliseconds since the Unix epoch. The later of two announcements wins. */
  readonly time: number;
  /** From then on it says nothing any more; at most an hour after `time`. */
  readonly expiry: number;
  /** `light`: a DHT client that only dials. */
  readonly role: 'full' | 'light';
  /** Multiaddrs it can be dialled at, in the node's order of preference, without its own `/p2p/…`. */
  readonly addresses: readonly Uint8Array[];
  /** Version of its software. */
  readonly software: string;
  /** Generation of the shard layout it speaks. */
  readonly generation: number;
  /** Shards it subscribes to, ascending. */
  readonly shards: readonly number[];
  /** Bytes it offers for storage. */
  readonly storageBytes: number;
  /** Connections it keeps at most. */
  readonly connections: number;
  /** DID of the operator that it belongs to; empty for none. */
  readonly operator: string;
  /** Delegation chain from the operator to the author that grants `sponsor` in all of the operator's namespaces. */
  readonly chain: readonly Uint8Array[];
  /** Whether it has its share of what its operator sponsors, so that it counts as a replica of it. */
  readonly isReady: boolean;
  /** Signed room for extensions. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** An announcement with what names and proves it. */
export interface SignedAnnouncement extends NodeAnnouncement {
  /** SHA-256 of the body, 32 bytes. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  /** The wire form. */
  readonly bytes: Uint8Array;
}

/** A question for announcements: those behind `cursor` in the order of their keys. */
export interface PageRequest {
  /** Key after which to go on; empty for the first page. */
  readonly cursor: Uint8Array;
  /** How many at most. */
  readonly limit: number;
}

export interface Page {
  /** Announcements in the order of their keys, each as its bytes. */
  readonly announcements: readonly Uint8Array[];
  /** Key after which the next page goes on; empty when this was the last. */
  readonly next: Uint8Array;
  /** Why there is no answer; empty when there is one. */
  readonly error: string;
}
