import { LINK_MAX_BYTES } from '../common/blob-link.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_GRACE_MS, CLOCK_SKEW_MS } from '../common/clock.ts';
import { ED25519_MULTIKEY_BYTES } from '../common/did-key.ts';
import { EXT_MAX_BYTES } from '../common/fields.ts';
import { type Limit, limitsIn } from '../common/limits.ts';
import { NAMESPACE_MAX_BYTES, OWNER_MAX_BYTES } from '../common/names.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

export { CLOCK_GRACE_MS, CLOCK_SKEW_MS, EXT_MAX_BYTES };

/** Stream protocol between replicas, and between them and who reads and writes. */
export const STORAGE_PROTOCOL = '/maillon/storage/1';

/** First item of every record. */
export const RECORD_VERSION = 1;
/** Domain of the signature: no other object's signature is one of a record. */
export const RECORD_DOMAIN = 'maillon/record/1';
/** Items of a record without its signature. */
export const RECORD_BODY_ITEMS = 14;

export const KIB = 1024;
export const MIB = 1024 * KIB;

export const VALUE_MAX_BYTES = limit(
  'storage.valueBytes',
  MIB,
  'bytes',
  'the largest value that a record holds itself: it travels and is verified as a whole',
);
/** Above this a node makes a blob of a value: it does not travel with every list, repair and read of the record. */
export const INLINE_MAX_BYTES = 64 * KIB;
/** Maximum bytes of the fields besides the value together. */
export const RECORD_OVERHEAD_MAX_BYTES = 16 * KIB;
/** The largest record whose value is a blob. */
export const LINKING_RECORD_MAX_BYTES = RECORD_OVERHEAD_MAX_BYTES + LINK_MAX_BYTES;
/** The largest record on the wire. */
export const RECORD_MAX_BYTES = limit(
  'storage.recordBytes',
  VALUE_MAX_BYTES + RECORD_OVERHEAD_MAX_BYTES,
  'bytes',
  'a value and every other field at its largest',
);
export const KEY_MAX_BYTES = limit(
  'storage.keyBytes',
  1024,
  'bytes',
  'a key: long enough for paths; nodes compare and list keys, and keep them as floors',
);
export const CONTENT_TYPE_MAX_LENGTH = limit(
  'storage.contentTypeBytes',
  255,
  'bytes',
  'a media type with its parameters',
);
export const AUTHOR_BYTES = ED25519_MULTIKEY_BYTES;
export const DIGEST_BYTES = 32;
export const NAMESPACE_ID_BYTES = 32;
/** The counter of a version: more records in a millisecond than a node signs in a second. */
export const COUNTER_MAX = 65_535;

/** Items of CBOR in a record, all lists and maps within counted: `ext` holds at most one a byte. */
export const RECORD_ITEMS_MAX = RECORD_BODY_ITEMS + 2 + CHAIN_MAX_LINKS + EXT_MAX_BYTES;

/** How far what others gave out may drag this node's versions ahead of its clock; the rest is for slower clocks. */
export const VERSION_DRAG_MAX_MS = CLOCK_SKEW_MS / 2;

export const PARTITIONS = limit(
  'storage.partitions',
  16,
  'count',
  'partitions of a namespace, fixed at its genesis',
);
/** Version of what a partition's place is hashed of. */
export const PLACE_VERSION = 1;
/** Replicas of a partition, unless its namespace says otherwise. */
export const REPLICAS = 3;
/** The most replicas a namespace may have. */
export const REPLICAS_MAX = 16;

export const TOMBSTONE_LIFE_MS = limit(
  'storage.tombstoneLife',
  7 * 24 * 60 * 60_000,
  'milliseconds',
  'how long a tombstone is kept: a node away for longer serves nothing it has not confirmed with a majority',
);
export const PLACEMENT_GRACE_MS = limit(
  'storage.placementGrace',
  10 * 60_000,
  'milliseconds',
  'how long a node that is gone stays a replica: fallback replicas hold its share meanwhile',
);

/** Version of the frames of the stream protocol, the first item of each. */
export const FRAME_VERSION = 1;
/** The largest frame: a put, or the answer to a get or a fetch, with a record at its largest. */
export const FRAME_MAX_BYTES = MIB + 32 * KIB;
/** The largest of those that carry no record: two keys and what stands around them. */
export const SMALL_FRAME_MAX_BYTES = 4 * KIB;
/** A page of a list: what is merged of 16 partitions of 3 replicas stays below 13 MiB. */
export const PAGE_MAX_BYTES = 256 * KIB;
/** Entries of a page, as many as a list has at most. */
export const PAGE_ITEMS_MAX = 1000;
/** Records of one answer together, unless it is one alone. */
export const FETCH_MAX_BYTES = MIB;
/** Keys of one fetch: a full answer of records of 16 KiB. */
export const FETCH_KEYS_MAX = 64;
/** Ids whose entries are asked for at a time. */
export const ENTRY_IDS_MAX = 256;
/** One message of a reconciliation: it is worked at on the event loop, some ten milliseconds. */
export const RECONCILE_MESSAGE_MAX_BYTES = 16 * KIB;
/** Ids of what is held, as reconciliation orders it. */
export const ITEM_ID_BYTES = 32;
/** Bytes of an id from the key; the rest are from the digest. */
export const ITEM_KEY_BYTES = 16;
/** The largest block of a blob: a chunk (blobs/SPEC.md). */
export const BLOCK_MAX_BYTES = MIB;
/** Blocks of one question: a quarter of what a node of a blob links. */
export const HAS_BLOCKS_MAX = 256;
/**
 * Limit of members that a replica names as down: those of a swarm that loses one every ten seconds, within the down
 * timeout.
 */
export const GONE_MAX = 64;
/** Characters of a peer id as text, and of a group of addresses. */
export const PEER_ID_MAX_LENGTH = 128;
export const PREFIX_MAX_LENGTH = 64;
/** Ids of requests. */
export const FRAME_ID_MAX = 2 ** 32 - 1;
/** Requests of one peer that may wait for their answers. */
export const REQUESTS_MAX = 256;
/** Bytes of requests and answers of one peer that may be under way: some of the largest, or all of small ones. */
export const REQUESTS_MAX_BYTES = 8 * MIB;
export const ERROR_MESSAGE_MAX_LENGTH = 256;
/** Hex digits of a view. */
export const VIEW_LENGTH = 16;
/**
 * How far the clock part of a version may be ahead of the author's own time: a write that meets a version from the edge of the
 * skew still gets above it. A record that claims to be old is so in the order of versions, too.
 */
export const VERSION_LEAD_MAX_MS = 3 * CLOCK_SKEW_MS;
/** Fingerprint of a replica's partition: long enough that two different ones never collide by chance. */
export const FINGERPRINT_BYTES = 16;

/** Records that may wait for verification: some 60 ms of work. */
export const VERIFY_QUEUE_MAX = 1024;
/** Maximum of one peer among them, so that one peer cannot fill the queue. */
export const VERIFY_QUEUE_MAX_PER_PEER = 256;
/** Records remembered as verified, at some 200 bytes each: the copies of a write and of its repair come within seconds. */
export const VERIFIED_MAX = 8192;

/** For the info document. */
export const STORAGE_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`storage limits: ${relation}`);
}
const HEADS_AND_NUMBERS_BYTES = 256;
const LARGEST_FIELDS_BYTES =
  OWNER_MAX_BYTES +
  NAMESPACE_MAX_BYTES +
  KEY_MAX_BYTES +
  CONTENT_TYPE_MAX_LENGTH +
  CHAIN_MAX_BYTES +
  EXT_MAX_BYTES;
assertRelation(
  RECORD_OVERHEAD_MAX_BYTES >= LARGEST_FIELDS_BYTES + HEADS_AND_NUMBERS_BYTES,
  'every field at its largest fits',
);
assertRelation(CHAIN_MAX_BYTES >= CHAIN_LINK_MAX_BYTES, 'the largest link fits a chain');
assertRelation(FRAME_MAX_BYTES >= RECORD_MAX_BYTES + SMALL_FRAME_MAX_BYTES, 'a record fits a frame');
assertRelation(FRAME_MAX_BYTES >= FETCH_MAX_BYTES + SMALL_FRAME_MAX_BYTES, 'a page of records fits a frame');
assertRelation(FRAME_MAX_BYTES >= BLOCK_MAX_BYTES + SMALL_FRAME_MAX_BYTES, 'a block fits a frame');
assertRelation(SMALL_FRAME_MAX_BYTES >= 3 * KEY_MAX_BYTES, 'two keys fit a small frame');
assertRelation(PAGE_MAX_BYTES >= 16 * SMALL_FRAME_MAX_BYTES, 'a page holds more than a few');
