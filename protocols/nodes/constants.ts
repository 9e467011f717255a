import { CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_SKEW_MS } from '../common/clock.ts';
import { DID_MAX_LENGTH } from '../common/did.ts';
import { ED25519_MULTIKEY_BYTES } from '../common/did-key.ts';
import { EXT_MAX_BYTES } from '../common/fields.ts';
import { type Limit, limitsIn } from '../common/limits.ts';
import { NODE_ADDRESS_MAX_BYTES } from '../common/node-address.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Gossip topic of announcements, and stream protocol by which they are asked for. */
export const NODES_PROTOCOL = '/maillon/nodes/1';

/** First item of every announcement. */
export const ANNOUNCEMENT_VERSION = 2;
/** Domain of the signature: no other object's signature is one of an announcement. */
export const ANNOUNCEMENT_DOMAIN = 'maillon/node-announcement/2';
/** Items of an announcement without its signature. */
export const ANNOUNCEMENT_BODY_ITEMS = 15;
/** The largest announcement: every field at its largest. Usual ones are some 800 bytes. */
export const ANNOUNCEMENT_MAX_BYTES = 12 * 1024;

export const KEY_BYTES = ED25519_MULTIKEY_BYTES;
export const ADDRESSES_MAX = limit(
  'nodes.addresses',
  16,
  'count',
  'addresses of one node: a few interfaces, three transports each. More would be somebody else’s',
);
/** Characters of the software's version. */
export const SOFTWARE_MAX_LENGTH = 64;
/** Shards a node may name: what a generation may grow to. */
export const SHARDS_MAX = 255;
/** The highest shard number. */
export const SHARD_MAX = 65_535;

/** How long an announcement may last: after a kill its node is believed to be there at most so long. */
export const LIFETIME_MAX_MS = 60 * 60_000;
export const LIFETIME_MS = limit(
  'nodes.lifetime',
  30 * 60_000,
  'milliseconds',
  'how long an announcement lasts: two renewals may be lost',
);
/** How often a node announces itself anew. */
export const RENEWAL_MS = 10 * 60_000;
/** Between two announcements of one node, by the node itself: addresses are found in bursts. */
export const ANNOUNCE_INTERVAL_MS = 5_000;
/** Between two announcements of one node, to be taken: less than a restart takes. */
export const REPLACE_INTERVAL_MS = 1_000;

/** Version of the frames of the stream protocol, the first item of each. */
export const FRAME_VERSION = 1;
/** A request: a version, a key and a number. */
export const REQUEST_MAX_BYTES = 64;
/** An answer: some eight hundred usual announcements; js-libp2p streams have no safe back-pressure beyond a frame. */
export const PAGE_MAX_BYTES = 256 * 1024;
/** Announcements of one answer, so that verifying them does not take a second. */
export const PAGE_ITEMS_MAX = 512;
/** How long one question, from opening the stream to the answer's last byte, may take. */
export const PAGE_TIMEOUT_MS = 10_000;
/** Pages one peer may ask for each second, over longer times: who joins asks for all, then for one a minute. */
export const PAGES_PER_SECOND = 0.5;
/** The same at once: all that a full directory has. */
export const PAGES_BURST = 32;
/** Pages answered each second to all peers together: each is a list sorted and a quarter of a megabyte. */
export const PAGES_TOTAL_PER_SECOND = 20;
export const PAGES_TOTAL_BURST = 100;

/** New announcements of one peer that are verified each second: a swarm of 4 096 renews 7 a second. */
export const VERIFIED_PER_SECOND = 50;
/** The same at once: half a swarm of 4 096 that was started together. */
export const VERIFIED_BURST = 2048;
/** Announcements that may wait for verification: some 60 ms of work. */
export const VERIFY_QUEUE_MAX = 1024;

/** For the info document. */
export const NODES_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`nodes limits: ${relation}`);
}
const LARGEST_FIELDS_BYTES =
  ADDRESSES_MAX * (3 + NODE_ADDRESS_MAX_BYTES) +
  SHARDS_MAX * 3 +
  EXT_MAX_BYTES +
  SOFTWARE_MAX_LENGTH +
  DID_MAX_LENGTH +
  CHAIN_MAX_BYTES +
  CHAIN_MAX_LINKS * 3;
assertRelation(ANNOUNCEMENT_MAX_BYTES >= LARGEST_FIELDS_BYTES + 256, 'every field at its largest fits');
assertRelation(LIFETIME_MS <= LIFETIME_MAX_MS, 'a usual lifetime is allowed');
assertRelation(LIFETIME_MS >= 2 * RENEWAL_MS + 2 * CLOCK_SKEW_MS, 'a lost renewal loses no node');
assertRelation(ANNOUNCE_INTERVAL_MS >= 2 * REPLACE_INTERVAL_MS, 'what a node sends is taken');
assertRelation(PAGE_MAX_BYTES >= 16 * ANNOUNCEMENT_MAX_BYTES, 'a page holds more than a few');
