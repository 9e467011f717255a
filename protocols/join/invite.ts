import type { MemberRole } from './constants.ts';
import type { JoinRefusal } from './errors.ts';

/** Invite for a second machine to join the first: a secret until it is used. */
export interface Invite {
  /** 8 bytes by chance: what the issuer calls it. */
  readonly id: Uint8Array;
  /** 32 bytes by chance, good once, with which the right is redeemed; empty where `chain` holds the right already. */
  readonly secret: Uint8Array;
  readonly role: MemberRole;
  readonly swarm: string;
  /** DID of the owner whose namespaces the machine will mean. */
  readonly owner: string;
  /** Multikey of the node that redeems it, 34 bytes: the peer id that is dialled and no other. */
  readonly issuer: Uint8Array;
  /** Multiaddrs of the issuer as bytes, without its `/p2p/…`. */
  readonly addresses: readonly Uint8Array[];
  /** Pre-shared key of a private network, 32 bytes; empty where the network is open. */
  readonly networkKey: Uint8Array;
  /** Until when it can be used, milliseconds since the Unix epoch. */
  readonly expiry: number;
  /** Delegations from the owner to the one key that may join with it; empty where the issuer makes them when it is redeemed. */
  readonly chain: readonly Uint8Array[];
}

export type JoinRequest =
  | {
      readonly kind: 'redeem';
      readonly id: Uint8Array;
      readonly secret: Uint8Array;
      /** Name the machine gives itself. */
      readonly name: string;
    }
  | {
      readonly kind: 'renew';
      /** The delegations that are to be renewed. */
      readonly chain: readonly Uint8Array[];
      readonly name: string;
    };

/** A node to join through. */
export interface EntryPoint {
  /** Multikey of its peer id, 34 bytes. */
  readonly key: Uint8Array;
  /** Multiaddr as bytes, without `/p2p/…`. */
  readonly address: Uint8Array;
}

export interface JoinAnswer {
  /** Why there is no grant; empty when there is one. */
  readonly error: JoinRefusal | '';
  /** Delegations from the owner to the key that asked. */
  readonly chain: readonly Uint8Array[];
  readonly entryPoints: readonly EntryPoint[];
}
