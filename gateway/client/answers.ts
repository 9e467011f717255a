/** The gateway's answers, as /openapi.json describes them. A newer gateway may add fields. */

export interface Status {
  readonly server: { readonly started_at: string; readonly uptime: string };
  readonly network: NetworkStatus;
  /** The node's own account of itself. */
  readonly node: {
    readonly peerId: string;
    readonly author: string;
    readonly role: 'full' | 'light';
    readonly swarm: string;
    /** On whose behalf it acts: namespaces that are named without an owner belong to this DID. */
    readonly operator: {
      readonly did: string;
      /** Peer id of the node that invited this machine; null where this machine holds the operator's key. */
      readonly invitedBy: string | null;
      readonly endsAt: number | null;
      readonly fault: string | null;
    };
    readonly version: string;
    /** Milliseconds since the Unix epoch. */
    readonly startedAt: number;
    readonly addresses: readonly string[];
    readonly peers: number;
    /** Each bootstrap address, and why it does not lead to a peer. */
    readonly bootstrap: readonly {
      readonly address: string;
      readonly state: 'connected' | 'dialling' | 'failed';
      readonly fault: { readonly code: string; readonly reason: string; readonly next: string } | null;
    }[];
    /** Mesh peers per shard. */
    readonly mesh: readonly number[];
    readonly relay: {
      /** Copies of envelopes that came from peers, first and further ones. */
      readonly copiesReceived: number;
      readonly envelopesAccepted: number;
      readonly messagesDelivered: number;
      readonly envelopesPublished: number;
      readonly messagesPublished: number;
      readonly bytesAccepted: number;
      readonly refused: Readonly<Record<string, number>>;
      readonly waiting: number;
      readonly subscriptions: number;
    };
    /** How late timers were in the last seconds; `utilisation` from 0 to 1. */
    readonly eventLoop: {
      readonly p50Ms: number;
      readonly p99Ms: number;
      readonly maxMs: number;
      readonly utilisation: number;
    };
    readonly memory: { readonly rssBytes: number; readonly heapBytes: number };
    /** Null where it cannot be read. */
    readonly disk: { readonly dataBytes: number | null; readonly freeBytes: number | null };
    readonly storage: Pick<
      StorageStatus,
      'records' | 'blobs' | 'uploads' | 'capacityBytes' | 'usedBytes' | 'availableBytes'
    >;
    /** Other nodes announced, and those reached when dialled back. */
    readonly directory: {
      readonly nodes: number;
      readonly direct: number;
      readonly relayed: number;
      /** Nodes of other owners. */
      readonly owners: number;
    };
    /** The restore of the node, until it has reconciled with other replicas; else null. */
    readonly recovery: { readonly asOf: number; readonly state: 'reconciling' | 'alone' } | null;
  };
}

export interface NetworkStatus {
  readonly node_id: string;
  readonly peer_id: string;
  readonly connected: boolean;
  readonly peer_count: number;
  readonly database_size: number;
  /** Nanoseconds. */
  readonly uptime: number;
}

export interface Peer {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
  /** RFC 3339. */
  readonly last_seen: string;
  readonly agent: string | null;
  readonly direction: 'inbound' | 'outbound' | null;
  readonly score: number;
  readonly mesh_shards: readonly number[];
}

/** A node of the swarm as it announced itself; times are milliseconds since the Unix epoch. */
export interface NodeEntry {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly role: 'full' | 'light';
  readonly version: string;
  readonly generation: number;
  readonly shards: readonly number[];
  readonly storageBytes: number;
  /** DID of its operator; empty for none. */
  readonly operator: string;
  /** Whether it counts as a replica of what its operator sponsors. */
  readonly isReady: boolean;
  readonly announcedAt: number;
  readonly expiresAt: number;
  /** 0 for never. */
  readonly lastSeen: number;
  /** How it was reached when dialled back; null while it was not. */
  readonly reach: 'direct' | 'relayed' | null;
  readonly isSelf: boolean;
}

export interface Version {
  readonly version: string;
  readonly commit: string;
  readonly build_time: string;
  readonly started_at: string;
  readonly uptime: string;
}

export interface Info {
  readonly product: string;
  readonly version: string;
  readonly commit: string;
  readonly peerId: string;
  readonly author: string;
  readonly role: 'full' | 'light';
  readonly swarm: string;
  readonly addresses: readonly string[];
  readonly protocols: readonly string[];
  readonly features: readonly string[];
  readonly subprotocols: readonly string[];
  readonly limits: readonly {
    readonly name: string;
    readonly value: number;
    readonly unit: string;
    readonly reason: string;
  }[];
  readonly errors: readonly {
    readonly code: string;
    /** HTTP status; null for a code that only streams carry. */
    readonly status: number | null;
    readonly meaning: string;
    readonly retryAfter?: number;
  }[];
  readonly closeCodes: readonly { readonly code: number; readonly meaning: string }[];
}

/** One node's part in keeping a key. */
export interface Holder {
  /** Peer id. */
  readonly id: string;
  readonly role: 'replica' | 'fallback';
  readonly isLive: boolean;
  /** Whether it counts for majorities; null when it did not answer. */
  readonly isSynced: boolean | null;
  /** ETag of its version; null for nothing or no answer. */
  readonly etag: string | null;
  readonly isTombstone: boolean;
  /** When it drops the value, in ms of Unix time: after a day at a node that the owner did not choose. Null: never, or no value. */
  readonly expiresAt: number | null;
  /** Whether it has all of the blob that is the value; null when there is no blob, or it did not answer. */
  readonly isWhole: boolean | null;
}

export interface Where {
  readonly partition: number;
  /** Replicas there are to be. */
  readonly wanted: number;
  /** Whether its replicas are sponsors, so that it is durable; else all copies are best effort. */
  readonly isSponsored: boolean;
  readonly holders: readonly Holder[];
}

/** A node's storage for the swarm. */
export interface StorageStatus {
  /** Record bytes. */
  readonly bytes: number;
  readonly records: number;
  /** On its disk; the bytes of uploads are counted with them. */
  readonly blobs: { readonly count: number; readonly bytes: number };
  /** Under way, and what of them is here. */
  readonly uploads: { readonly count: number; readonly bytes: number };
  /** Offered; 0 where nothing is kept. */
  readonly capacityBytes: number;
  /** Records and blobs together. */
  readonly usedBytes: number;
  /** That may still come. */
  readonly availableBytes: number;
  /** Left on the file system. */
  readonly freeBytes: number;
  /** Nodes that keep records, whoever runs them; this one included. */
  readonly members: number;
  /** Other nodes of the same operator that have had their share: its replicas beside this one. */
  readonly fellows: readonly { readonly id: string; readonly isLive: boolean }[];
  readonly replicas: number;
  /** Whether it has its share of what its operator sponsors, so that it counts as a replica. */
  readonly isReady: boolean;
  readonly partitions: {
    readonly replica: number;
    readonly fallback: number;
    readonly unsynced: number;
    /** Replicated by its operator, with fewer live replicas than wanted. */
    readonly underReplicated: number;
    /** No replica any more, kept until a successor has all that was promised. */
    readonly leaving: number;
  };
  readonly namespaces: readonly {
    readonly owner: string;
    readonly namespace: string;
    readonly keys: number;
    /** Bytes of records. */
    readonly bytes: number;
    readonly blobBytes: number;
    /** That it may still take here, while the node has them. */
    readonly availableBytes: number;
  }[];
}
