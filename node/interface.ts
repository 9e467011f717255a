import type { Limit } from '../protocols/common/limits.ts';
import type { AskedResource } from '../protocols/identity/index.ts';
import type { RelayMetrics } from '../protocols/relay/index.ts';
import type { BackupOptions, BackupReport, RecoveryStatus } from './backup/interface.ts';
import type { WalletProof } from './identity/wallet-proof.ts';
import type { PublicBlobs } from './ipfs/interface.ts';
import type { Members, OperatorView } from './join/interface.ts';
import type { Namespaces, SponsorshipView } from './namespaces/interface.ts';
import type { NamespaceRef, Storage, StorageStatus, WalletShare } from './storage/interface.ts';
import type { StorageMaintenance } from './storage/maintenance/interface.ts';

/** `full` serves the DHT and listens; `light` is a DHT client that only dials. */
export type Role = 'full' | 'light';

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

/** What is known of a message once it was sent. */
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
  carry(bytes: Uint8Array): Promise<Receipt>;
  /** `listener` gets every message to the topic from now on, once, this node's own included. It must not throw. */
  subscribe(topic: TopicName, listener: (delivery: Delivery) => void): Subscription;
  /** Topics of a namespace with a subscriber or a message here lately, in bytewise order; bounded. */
  topics(namespace: string, owner: string): string[];
}

/** A peer as this node sees it. */
export interface PeerView {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
  readonly direction: 'inbound' | 'outbound' | null;
  /** When it was last connected, milliseconds since the Unix epoch. */
  readonly lastSeen: number;
  /** Its identify agent version, e.g. `maillon/0.1.0 (swarm maillon)`. */
  readonly agent: string | null;
  /** Gossip score; below the graylist threshold it is not listened to. */
  readonly score: number;
  /** Shards on which it is in this node's mesh. */
  readonly meshShards: readonly number[];
}

/** A node of the swarm as its announcement (protocols/nodes/SPEC.md) and this node's own dial say. */
export interface NodeView {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly role: Role;
  readonly version: string;
  /** Generation of the shard layout, and the shards it subscribes to. */
  readonly generation: number;
  readonly shards: readonly number[];
  /** Bytes it offers for storage; 0 while it stores nothing. */
  readonly storageBytes: number;
  /** DID of the operator whom it belongs to, proven by a delegation; empty for nobody. */
  readonly operator: string;
  /** Whether it has its share of what that operator sponsors, so that it counts as a replica. */
  readonly isReady: boolean;
  /** When it made the announcement, and when that ends; milliseconds since the Unix epoch. */
  readonly announcedAt: number;
  readonly expiresAt: number;
  /** When this node last was connected with it; 0 for never. */
  readonly lastSeen: number;
  /** How it was reached when dialled back; null while it was not (it is then only hearsay), and of this node itself. */
  readonly reach: 'direct' | 'relayed' | null;
  readonly isSelf: boolean;
}

/** An address of `bootstrap`, and what came of dialling it. */
export interface BootstrapView {
  readonly address: string;
  readonly state: 'connected' | 'dialling' | 'failed';
  /** Why it does not lead to a peer, and what to do next; null where it does, or where that is not known yet. */
  readonly fault: { readonly code: string; readonly reason: string; readonly next: string } | null;
}

/** Of a node's store, without its namespaces. */
export type StorageSummary = Pick<
  StorageStatus,
  'records' | 'blobs' | 'uploads' | 'capacityBytes' | 'usedBytes' | 'availableBytes'
>;

export interface NodeStatus {
  readonly peerId: string;
  /** did:key under which this node signs its messages. */
  readonly author: string;
  readonly role: Role;
  readonly swarm: string;
  /** On whose behalf it acts. */
  readonly operator: OperatorView;
  readonly version: string;
  readonly startedAt: number;
  /** Own addresses with the peer id, as others dial them. */
  readonly addresses: readonly string[];
  readonly peers: number;
  readonly bootstrap: readonly BootstrapView[];
  /** Mesh peers per shard. */
  readonly mesh: readonly number[];
  readonly relay: RelayMetrics & { readonly waiting: number; readonly subscriptions: number };
  /** How late timers were in the last seconds, and the part of that time in which the process was busy, 0 to 1. */
  readonly eventLoop: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
    readonly utilisation: number;
  };
  readonly memory: { readonly rssBytes: number; readonly heapBytes: number };
  /** The data directory, and what is left on its file system; null where that cannot be read. */
  readonly disk: { readonly dataBytes: number | null; readonly freeBytes: number | null };
  /** What it stores, and what may still come. */
  readonly storage: StorageSummary;
  /** Other nodes in the directory: all of them, and those that this node reached when it dialled back. */
  readonly directory: {
    readonly nodes: number;
    readonly direct: number;
    readonly relayed: number;
    /** Nodes of other owners. */
    readonly owners: number;
  };
  /** The restore of this node from a backup, until it has reconciled with other replicas; else null. */
  readonly recovery: RecoveryStatus | null;
}

/** One thing a node needs to serve, probed when asked. */
export interface Probe {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what to do, or what was found. */
  readonly detail: string;
  /** The same for the operator, where it holds what is nobody else's business. */
  readonly operatorDetail?: string;
}

export interface MaillonNode {
  readonly relay: Relay;
  /** Signed, replicated records. */
  readonly storage: Storage;
  /** The upkeep of this node's own store; null where it keeps nothing. Throws `not_running`. */
  readonly maintenance: StorageMaintenance | null;
  /** DID that owns what is made through this node without naming an owner. Throws `not_running`. */
  readonly owner: string;
  /**
   * DID to which clients delegate so that this node can act for them: `owner`, or this node's own key where the machine was invited and
   * does not hold the owner's. Throws `not_running`.
   */
  readonly delegate: string;
  /** The machines of this node's operator. Throws `not_running`. */
  readonly members: Members;
  /** Whether this node keeps what is written to a namespace until it expires or is deleted. Throws `not_running`. */
  isSponsored(namespace: NamespaceRef): boolean;
  /**
   * Accepts in the operator's name that a holder named it: its nodes keep durable replicas of the namespace then, whatever becomes of the
   * links. `naming`: links (protocols/identity/SPEC.md) from the holder to `delegate`, about one namespace or all (`*`), which grant
   * `sponsor` or `write`. Nothing new where it stands already. `onlyListed`: refuse holders whom `storage.sponsored` does not list. Rejects
   * with `forbidden`, `no_room`, `closed`, `not_running`.
   */
  sponsor(
    naming: readonly Uint8Array[],
    options?: { readonly onlyListed?: boolean },
  ): Promise<SponsorshipView>;
  /** Withdraws that: later writes are kept for a day. Rejects as `sponsor`. */
  endSponsorship(of: Pick<SponsorshipView, 'owner' | 'namespace' | 'holder'>): Promise<void>;
  /** Usage of this node by each wallet; empty where the node keeps nothing. Throws `not_running`. */
  walletShares(): readonly WalletShare[];
  /**
   * Copies all that makes this node into a directory, while it runs. Throws `busy`, `bad_directory`, `not_empty`, `other_node`,
   * `bad_backup`, `not_running`.
   */
  backup(options: BackupOptions): Promise<BackupReport>;
  /** Who may do what in which namespace. */
  readonly namespaces: Namespaces;
  /** What anyone may read, by CID. */
  readonly publicBlobs: PublicBlobs;
  /** Starts it, or does nothing when it runs. Resolves when it listens and its first peers, if any, are meshed. */
  start(): Promise<void>;
  /** Stops it, or does nothing. At most 2 s. */
  stop(): Promise<void>;
  /** Connects to a peer by its address, which ends in /p2p/<peer id>. Throws `bad_address`, `dial_failed`. */
  connect(address: string): Promise<void>;
  /** Closes the connections with a peer, if there are any; it may come again. Throws `bad_address` for what is no peer id. */
  disconnect(peerId: string): Promise<void>;
  status(): NodeStatus;
  /** Connected peers first, then those known to the peer store; bounded. */
  peers(): Promise<PeerView[]>;
  /** The swarm's directory: this node first, then those that were dialled back, then hearsay; bounded. */
  nodes(): NodeView[];
  /**
   * Whether a wallet signed that, verified on threads of their own. Rejects with `CodedError` `overloaded`, `unavailable` or `not_running`
   * where there is no answer.
   */
  verifyWallet(proof: WalletProof): Promise<boolean>;
  /**
   * Whether `chain` (protocols/identity/SPEC.md) lets the key it ends at do that now, by all that this node knows. Rejects with `CodedError`:
   * `forbidden`, where `detail.reason` is the rule of the SPEC that the chain itself breaks, if it does; `overloaded`, `not_running`.
   */
  checkChain(chain: readonly Uint8Array[], asked: AskedResource): Promise<void>;
  /** Asks each part whether it works now. */
  probe(): Promise<Probe[]>;
  /** Every limit in force, with its reason. */
  limits(): readonly Limit[];
}
