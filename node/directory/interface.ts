import type { Role } from '../config/role.ts';

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
  /** DID of the operator that it belongs to, proven by a delegation; empty for none. */
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
