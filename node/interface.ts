import type { Limit } from '../protocols/common/limits.ts';
import type { AskedResource } from '../protocols/identity/index.ts';
import type { RelayMetrics } from '../protocols/relay/index.ts';
import type { BackupOptions, BackupReport } from './backup/interface.ts';
import type { Role } from './config/role.ts';
import type { Services } from './core/core.ts';
import type { Probe } from './core/probe.ts';
import type { NodeView } from './directory/interface.ts';
import type { WalletProof } from './identity/wallet-proof.ts';
import type { PublicBlobs } from './ipfs/interface.ts';
import type { Members, OperatorView } from './join/interface.ts';
import type { Namespaces, SponsorshipView } from './namespaces/interface.ts';
import type { BootstrapView, PeerView } from './peers/interface.ts';
import type { Relay } from './relay/interface.ts';
import type {
  NamespaceRef,
  RecoveryStatus,
  Storage,
  StorageStatus,
  WalletShare,
} from './storage/api/interface.ts';
import type { StorageMaintenance } from './storage/maintenance/interface.ts';

export type { Probe } from './core/probe.ts';

/** Summary of a node's store, without its namespaces. */
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
  /** Its data, and the space left for more. */
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

/** A node. The members of a feature that is off throw, or reject with, `feature_off`; the message names the setting that turns it on. */
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
   * Accepts in the operator's name that a holder named it: its nodes keep durable replicas of the namespace then,
   * whatever becomes of the links. `naming`: links (protocols/identity/SPEC.md) from the holder to `delegate`, about
   * one namespace or all (`*`), which grant `sponsor` or `write`. Nothing new where it stands already. `onlyListed`:
   * refuse holders that `storage.sponsored` does not list. Rejects with `forbidden`, `no_room`, `closed`,
   * `not_running`.
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
  /** Rights in each namespace. */
  readonly namespaces: Namespaces;
  /** Blobs that anyone may read, by CID. */
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
   * Whether a wallet signed that, verified on worker threads. Rejects with `CodedError` `overloaded`, `unavailable` or
   * `not_running` where there is no answer.
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
  /** Whether a feature runs, or would by the settings if this node did. */
  hasFeature(name: string): boolean;
  /** The running service of a feature. Throws `feature_off`, `not_running`. */
  feature<N extends keyof Services>(name: N): Services[N];
  /**
   * Loads the feature that a module exports, and starts it with these settings, by dotted path, where they are not its defaults. `path` is
   * absolute. The feature is trusted code: nothing keeps it from anything. It lasts until the node stops. Rejects with `bad_feature`,
   * `feature_exists`, `feature_off` (it needs one that is off), `bad_config`, `not_running`.
   */
  loadFeature(path: string, settings?: Readonly<Record<string, unknown>>): Promise<void>;
  /**
   * Stops a feature that was loaded from a path: its protocols, metrics and scores go. Its module stays in memory. Rejects with
   * `feature_not_loaded`, `feature_needed`, `not_running`.
   */
  unloadFeature(name: string): Promise<void>;
}
