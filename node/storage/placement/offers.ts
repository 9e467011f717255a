import { multiaddr } from '@multiformats/multiaddr';
import { prefixOf } from '../../../protocols/common/address-prefix.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { parseNodeAddress } from '../../../protocols/common/node-address.ts';
import type { Entry } from '../../directory/entry.ts';
import { withoutOwnId } from '../../directory/entry.ts';

/** A full node that offers storage and that this node reached. */
export interface Offer {
  readonly id: string;
  /** The group of addresses it was reached in. */
  readonly prefix: string;
  /** When it was there last, milliseconds since the Unix epoch. */
  readonly lastSeen: number;
  /** DID of the operator that it announced with a delegation; empty for none. */
  readonly operator: string;
  /** Whether it announced that it has its share of what that operator sponsors. */
  readonly isReady: boolean;
}

/** Sponsors from which operators withdrew their trust. */
export interface Revocations {
  /** Grows when that may be more. */
  readonly version: number;
  /** Whether `operator` trusts the node with this peer id no more, or a link of the chain that leads to it. */
  isRevoked(operator: string, id: string, chain?: readonly Uint8Array[]): boolean;
}

/** Full nodes that were reached at an address they announced, and offer room. A sponsor that was revoked is a node like any. */
export function* offersOf(entries: Iterable<Entry>, revocations: Revocations): IterableIterator<Offer> {
  for (const { id, prefix, lastSeen, isVerified, announcement } of entries) {
    const isOffer = isVerified && announcement.role === 'full' && announcement.storageBytes > 0;
    if (!isOffer) continue;
    const isSponsor =
      announcement.operator !== '' && !revocations.isRevoked(announcement.operator, id, announcement.chain);
    const operator = isSponsor ? announcement.operator : '';
    yield { id, prefix, lastSeen, operator, isReady: isSponsor && announcement.isReady };
  }
}

/** The group that a node is in which announces these addresses: others dial the first one first. Null for none. */
export function prefixOfSelf(
  addresses: readonly string[],
  peerId: string,
  splitLoopback: boolean,
): string | null {
  const [first] = addresses;
  if (first === undefined) return null;
  try {
    const address = multiaddr(withoutOwnId(multiaddr(first), peerId));
    return prefixOf(parseNodeAddress(address.bytes).host, splitLoopback);
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}
