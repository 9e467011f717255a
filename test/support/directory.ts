import { createCrypto } from '../../node/runtime/crypto.ts';
import { decodeAnnouncement, type SignedAnnouncement } from '../../protocols/nodes/index.ts';
import { announcementAt } from './announcements.ts';
import { type Author, authorOf, sha256 } from './envelopes.ts';

const crypto = createCrypto();

/** The `n`-th author of many; each has a key of its own. */
export function authorNumber(n: number): Author {
  return authorOf(sha256(Buffer.from(`author ${n}`)));
}

/** An announcement as a node holds it. */
export function held(time: number, author: Author, ...addresses: readonly Buffer[]): SignedAnnouncement {
  return decodeAnnouncement(announcementAt(time, author, ...addresses), crypto);
}
