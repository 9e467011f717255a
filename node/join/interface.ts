import type { MemberRole } from '../../protocols/join/index.ts';

export interface InviteRequest {
  readonly role: MemberRole;
  /** How long it can be used, milliseconds; an hour unless said. */
  readonly lifetimeMs?: number;
  /** Peer id or did:key of the one machine that may use it: the invite then holds its delegations, and needs nobody to redeem it. */
  readonly to?: string;
}

/** An invite that was made. */
export interface MadeInvite {
  /** The secret line that is given to the other machine. */
  readonly invite: string;
  readonly id: string;
  readonly role: MemberRole;
  readonly swarm: string;
  readonly owner: string;
  readonly expiresAt: number;
  /** Where the other machine reaches this node. */
  readonly addresses: readonly string[];
  /** Whether the invite holds the key of a private network. */
  readonly hasNetworkKey: boolean;
}

/** An invite that can be used. */
export interface OpenInvite {
  readonly id: string;
  readonly role: MemberRole;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A machine that joined through this node. */
export interface Member {
  readonly peerId: string;
  readonly did: string;
  readonly role: MemberRole;
  /** Its chosen name when it joined. */
  readonly name: string;
  readonly inviteId: string;
  readonly joinedAt: number;
  readonly isConnected: boolean;
  /** When this node last was connected with it; 0 for never since it started. */
  readonly lastSeen: number;
  /** When its delegation ends unless it is renewed. */
  readonly endsAt: number;
  readonly isRevoked: boolean;
}

export interface MembersView {
  readonly owner: string;
  /** This node. */
  readonly peerId: string;
  readonly members: readonly Member[];
  readonly invites: readonly OpenInvite[];
}

export interface RevokedView {
  readonly kind: 'invite' | 'member';
  readonly id: string;
  readonly did: string | null;
  /** Whether the one who is revoked knows the key of a private network: then it must be rotated. */
  readonly knowsNetworkKey: boolean;
}

/**
 * The machines of this node's operator. Each call throws `CodedError` `held_elsewhere` on an invited machine, which does not hold the
 * operator's key, and `bad_invites` where the file of invites cannot be read.
 */
export interface Members {
  /** Throws `too_many_invites`, `bad_lifetime`, `bad_address` (no peer id), `not_listening` (a light node without an address). */
  invite(request: InviteRequest): Promise<MadeInvite>;
  list(): Promise<MembersView>;
  /** `target`: the peer id or did:key of a machine, connected or not, or the id of an invite. Throws `no_such_member`. */
  revoke(target: string): Promise<RevokedView>;
}

/** On whose behalf a node acts. */
export interface OperatorView {
  readonly did: string;
  /** Peer id of the node that invited this machine; null where this machine holds the operator's key. */
  readonly invitedBy: string | null;
  /** When the delegation to this node ends unless it is renewed, milliseconds since the Unix epoch; null for never. */
  readonly endsAt: number | null;
  /** Why this node may not act for its operator, or will not for long; null where it may. */
  readonly fault: string | null;
}
