import { multiaddr } from '@multiformats/multiaddr';
import { prefixOf } from '../../protocols/common/address-prefix.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { parseNodeAddress } from '../../protocols/common/node-address.ts';
import type { Entry } from '../directory/entry.ts';
import { withoutOwnId } from '../directory/entry.ts';
import type { Offer, Revocations } from './members.ts';

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
