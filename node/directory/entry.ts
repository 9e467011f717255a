import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { Connection, PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { prefixOf } from '../../protocols/common/address-prefix.ts';
import { decodeMultikey } from '../../protocols/common/did-key.ts';
import { parseNodeAddress } from '../../protocols/common/node-address.ts';
import type { NodeDescription, SignedAnnouncement } from '../../protocols/nodes/index.ts';
import type { NodeView } from './interface.ts';

export type Reach = 'direct' | 'relayed';

/** An address that a node announced. */
export interface EntryAddress {
  /** Without the node's own `/p2p/…`. */
  readonly text: string;
  /** With it: what is dialled. */
  readonly target: Multiaddr;
  readonly prefix: string;
  readonly reach: Reach;
}

/** A node in the directory. The roster alone changes where it stands. */
export interface Entry {
  readonly peer: PeerId;
  readonly id: string;
  announcement: SignedAnnouncement;
  addresses: readonly EntryAddress[];
  isVerified: boolean;
  /** The prefix it is counted under; that of the address it was reached at when it was. */
  prefix: string;
  /** The address it was reached at. */
  reachedAt: EntryAddress | null;
  /** When it was connected last; 0 for never. */
  lastSeen: number;
  /** When it may be dialled back next. */
  dialAt: number;
  /** Dial-backs that failed since the last one that did not. */
  failures: number;
  isDialling: boolean;
}

/** The prefix of nodes that announce no address: nobody can count them otherwise. */
export const NO_ADDRESS = 'none';

export function peerOf(author: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(decodeMultikey(author)));
}

export function addressesOf(
  peer: PeerId,
  announcement: SignedAnnouncement,
  splitLoopback: boolean,
): EntryAddress[] {
  return announcement.addresses.map((bytes) => {
    const { host, isRelayed } = parseNodeAddress(bytes);
    const address = multiaddr(bytes);
    return {
      text: address.toString(),
      target: address.encapsulate(`/p2p/${peer.toString()}`),
      prefix: prefixOf(host, splitLoopback),
      reach: isRelayed ? 'relayed' : 'direct',
    };
  });
}

/** The address of a connection as a node announces it: without the node's own id at the end. */
export function withoutOwnId(address: Multiaddr, id: string): string {
  const text = address.toString();
  const ending = `/p2p/${id}`;
  return text.endsWith(ending) ? text.slice(0, -ending.length) : text;
}

/**
 * The announced address that a connection leads to: one that this node dialled, or one that `entry` keeps here to be relayed
 * through this node, whose peer id is `self`, and that nobody dials from here.
 */
export function announcedAt(
  entry: Entry,
  { direction, limits, remoteAddr, remotePeer }: Connection,
  self: string,
): EntryAddress | undefined {
  if (!remotePeer.equals(entry.peer)) return undefined;
  if (direction !== 'outbound') {
    if (limits !== undefined) return undefined;
    return entry.addresses.find(({ text }) => text.endsWith(`/p2p/${self}/p2p-circuit`));
  }
  const text = withoutOwnId(remoteAddr, entry.id);
  return entry.addresses.find((address) => address.text === text);
}

export function viewOfSelf(
  description: NodeDescription,
  own: { readonly peerId: string; readonly announcement: SignedAnnouncement | null; readonly now: number },
): NodeView {
  const { peerId, announcement, now } = own;
  const { addresses, role, software, generation, shards, storageBytes, operator, isReady } = description;
  return {
    id: peerId,
    addresses: addresses.map((bytes) => `${multiaddr(bytes).toString()}/p2p/${peerId}`),
    role,
    version: software,
    generation,
    shards,
    storageBytes,
    operator,
    isReady,
    announcedAt: announcement?.time ?? 0,
    expiresAt: announcement?.expiry ?? 0,
    lastSeen: now,
    reach: null,
    isSelf: true,
  };
}

export function viewOf(entry: Entry, lastSeen: number): NodeView {
  const { announcement, addresses, reachedAt } = entry;
  return {
    id: entry.id,
    addresses: addresses.map(({ target }) => target.toString()),
    role: announcement.role,
    version: announcement.software,
    generation: announcement.generation,
    shards: announcement.shards,
    storageBytes: announcement.storageBytes,
    operator: announcement.operator,
    isReady: announcement.isReady,
    announcedAt: announcement.time,
    expiresAt: announcement.expiry,
    lastSeen,
    reach: entry.isVerified ? (reachedAt?.reach ?? null) : null,
    isSelf: false,
  };
}
