import { createRequire } from 'node:module';
import type * as PeerIds from '@libp2p/peer-id';
import { base58btc } from 'multiformats/bases/base58';
import { concatBytes } from '../../protocols/common/bytes.ts';
import { decodeMultikey, encodeMultikey } from '../../protocols/common/did-key.ts';

const require = createRequire(import.meta.url);
/** Identity multihash of a protobuf: key type Ed25519, 32 bytes of key. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/**
 * Multikey (34 bytes) of the Ed25519 key in a peer id; null for a text that is no peer id, and for a peer id of another
 * kind.
 */
export function keyOfPeer(text: string): Uint8Array | null {
  const { peerIdFromString } = require('@libp2p/peer-id') as typeof PeerIds;
  try {
    const { publicKey } = peerIdFromString(text);
    return publicKey?.type === 'Ed25519' ? encodeMultikey(publicKey.raw) : null;
  } catch {
    return null;
  }
}

/** The peer id of an Ed25519 key (multikey, 34 bytes). */
export function peerOfKey(multikey: Uint8Array): string {
  return base58btc.baseEncode(concatBytes(PEER_ID_PREFIX, decodeMultikey(multikey)));
}

/**
 * The peer id that `text` says, as libp2p writes it; null for any other text. The library is loaded with the first
 * text: most settings name no peer, and it takes a third of what a command line starts with.
 */
export function parsePeerId(text: string): string | null {
  const { peerIdFromString } = require('@libp2p/peer-id') as typeof PeerIds;
  try {
    return peerIdFromString(text).toString();
  } catch {
    return null;
  }
}
