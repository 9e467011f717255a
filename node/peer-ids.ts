import { createRequire } from 'node:module';
import type * as PeerIds from '@libp2p/peer-id';

const require = createRequire(import.meta.url);

/**
 * The peer id that `text` says, as libp2p writes it; null for what is none. The library is loaded with the first text: most settings
 * name no peer, and it takes a third of what a command line starts with.
 */
export function parsePeerId(text: string): string | null {
  const { peerIdFromString } = require('@libp2p/peer-id') as typeof PeerIds;
  try {
    return peerIdFromString(text).toString();
  } catch {
    return null;
  }
}
