import { LOOPBACK_PREFIX, prefixOf } from '../../protocols/common/address-prefix.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type NodeAddress, parseNodeAddress } from '../../protocols/common/node-address.ts';
import { ADDRESSES_MAX, type NodeDescription } from '../../protocols/nodes/index.ts';
import { SHARD_COUNT, SHARD_GENERATION } from '../../protocols/relay/index.ts';
import type { Role } from '../config/role.ts';
import type { Operator } from '../identity/operator.ts';

/** This node's operator, and whether the node has its share of what that operator sponsors. */
export type Sponsorship = Pick<NodeDescription, 'operator' | 'chain' | 'isReady'>;

export interface SelfInit {
  readonly role: Role;
  readonly version: string;
  /** Connections it keeps at most. */
  readonly connectionsMax: number;
  /** Bytes it offers for storage; 0 where it keeps no records. */
  readonly storageBytes: number;
}

const NO_SPONSORSHIP: Sponsorship = { operator: '', chain: [], isReady: false };

/**
 * A node's statement of its operator, and whether it has its share of what that operator sponsors. A light node keeps nothing: it
 * is nobody's sponsor.
 */
export function sponsorshipOf(role: Role, operator: Operator, isReady: boolean): Sponsorship {
  if (role === 'light') return NO_SPONSORSHIP;
  return { operator: operator.did, chain: operator.chain(), isReady };
}

/** A node's description of itself. `addresses` are its own multiaddrs as bytes, without its peer id. */
export function describeSelf(
  init: SelfInit,
  addresses: readonly Uint8Array[],
  sponsorship: Sponsorship,
): NodeDescription {
  return {
    role: init.role,
    // a light node only dials
    addresses: init.role === 'light' ? [] : worthAnnouncing(addresses),
    software: init.version,
    generation: SHARD_GENERATION,
    shards: Array.from({ length: SHARD_COUNT }, (_, shard) => shard),
    storageBytes: init.storageBytes,
    connections: init.connectionsMax,
    ...sponsorship,
  };
}

/** Addresses that others can dial, direct ones first. Loopback leads nowhere from elsewhere: only when there is no other. */
export function worthAnnouncing(addresses: readonly Uint8Array[]): Uint8Array[] {
  const parsed = addresses.flatMap((bytes) => {
    const address = tryParse(bytes);
    return address === null
      ? []
      : [{ bytes, address, isLoopback: prefixOf(address.host) === LOOPBACK_PREFIX }];
  });
  const wide = parsed.filter(({ isLoopback }) => !isLoopback);
  return (wide.length > 0 ? wide : parsed)
    .toSorted((a, b) => Number(a.address.isRelayed) - Number(b.address.isRelayed))
    .slice(0, ADDRESSES_MAX)
    .map(({ bytes }) => bytes);
}

function tryParse(bytes: Uint8Array): NodeAddress | null {
  try {
    return parseNodeAddress(bytes);
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}
