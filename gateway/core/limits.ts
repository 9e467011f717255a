import { BLOB_MAX_BYTES, BLOCK_MAX_BYTES } from '../../protocols/blobs/constants.ts';
import { type Limit, limitsIn } from '../../protocols/common/limits.ts';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { INLINE_MAX_BYTES, RECORD_MAX_BYTES, VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

export const HEADERS_MAX_BYTES = limit(
  'gateway.headersBytes',
  16 * 1024,
  'bytes',
  'request line and headers. A topic of 256 bytes is at most 768 escaped, a token some 2 KiB',
);
export const HEADERS_MAX_COUNT = limit(
  'gateway.headersCount',
  100,
  'count',
  'header lines of one request; browsers send some 20',
);
export const HEADERS_TIMEOUT_MS = limit(
  'gateway.headersTimeout',
  10_000,
  'milliseconds',
  'time for the headers of a request: enough for a slow mobile link, too little for a slow-loris attack',
);
export const REQUEST_TIMEOUT_MS = limit(
  'gateway.requestTimeout',
  30_000,
  'milliseconds',
  'time for a whole request that is not streamed, body included: 256 KiB over 70 kbit/s',
);
export const KEEP_ALIVE_TIMEOUT_MS = limit(
  'gateway.keepAliveTimeout',
  65_000,
  'milliseconds',
  'an idle keep-alive connection is closed after this; longer than most clients pause between calls',
);
export const PLAIN_CONNECTIONS_MAX = limit(
  'gateway.plainConnections',
  2_000,
  'count',
  'connections beside those of streaming clients: requests in flight and idle keep-alive ones',
);
/** How often the admin listener tells how far a long work is. */
export const PROGRESS_INTERVAL_MS = 1_000;
/** A connection to it on which nothing moves is closed after this. */
export const ADMIN_IDLE_MS = 120_000;
export const ADMIN_CONNECTIONS_MAX = limit(
  'admin.connections',
  64,
  'count',
  'connections to the admin listener: a few scrapers and people',
);
export const FRAME_MAX_BYTES = limit(
  'gateway.frameBytes',
  Math.ceil(MESSAGE_MAX_BYTES / 3) * 4 + 4 * 1024,
  'bytes',
  'a WebSocket message: a full message in base64, and the JSON around it',
);
export const FRAME_MAX_FRAGMENTS = limit(
  'gateway.frameFragments',
  64,
  'count',
  'fragments of one WebSocket message: nobody needs to cut 196 KiB finer than into 3 KiB',
);
export const SESSION_PUBLISHES_MAX = limit(
  'gateway.sessionPublishes',
  64,
  'count',
  'publishes of one WebSocket that may be unanswered; then the gateway stops reading from it',
);
/** Frames taken from one WebSocket before the others get their turn: a millisecond's work or two. */
export const FRAMES_PER_TURN = 64;
export const PING_INTERVAL_MS = limit(
  'gateway.pingInterval',
  30_000,
  'milliseconds',
  'a WebSocket is pinged this often',
);
export const PINGS_MISSED_MAX = limit(
  'gateway.pingsMissed',
  2,
  'count',
  'unanswered pings after which a WebSocket is dropped',
);
export const SSE_HEARTBEAT_MS = limit(
  'gateway.sseHeartbeat',
  15_000,
  'milliseconds',
  'an SSE stream gets a comment this often, so that proxies keep it open',
);
export const CLOSE_TIMEOUT_MS = limit(
  'gateway.closeTimeout',
  5_000,
  'milliseconds',
  'how long a client that was told to go has to close its side',
);
/** The same when the gateway stops: it has a second for everything. */
export const STOP_CLOSE_TIMEOUT_MS = 400;
export const IDEMPOTENCY_WINDOW_MS = limit(
  'gateway.idempotencyWindow',
  10 * 60_000,
  'milliseconds',
  'how long an Idempotency-Key is remembered: a retry is safe that long',
);
export const IDEMPOTENCY_KEYS_MAX = limit(
  'gateway.idempotencyKeys',
  200_000,
  'count',
  'Idempotency-Keys that are remembered, some 500 bytes each; then overloaded',
);
/** Limit for one namespace that a credential is for: the others need capacity, too. */
export const IDEMPOTENCY_KEYS_PER_NAMESPACE = limit(
  'gateway.idempotencyKeysPerNamespace',
  20_000,
  'count',
  'the others need room, too',
);
export const IDEMPOTENCY_KEY_MAX_LENGTH = limit(
  'gateway.idempotencyKeyLength',
  128,
  'bytes',
  'length of an Idempotency-Key: a UUID is 36',
);
/** Length of a native frame's `ref`. */
export const REF_MAX_LENGTH = limit('gateway.refLength', 64, 'bytes', 'a ref is sent back as it came');
export const PROBE_TIMEOUT_MS = limit(
  'gateway.probeTimeout',
  2_000,
  'milliseconds',
  'a readiness probe that takes longer counts as failed',
);
/** Ports tried when the usual one is taken. */
export const PORT_ATTEMPTS = 100;
export const MEMBER_ID_MAX_LENGTH = limit(
  'gateway.memberIdLength',
  128,
  'bytes',
  'characters of a presence member’s id',
);
export const MEMBER_META_MAX_BYTES = limit(
  'gateway.memberMetaBytes',
  1024,
  'bytes',
  'bytes of a presence member’s meta as JSON: a name and a picture’s address',
);
export const MEMBERS_MAX = limit(
  'gateway.members',
  1_000,
  'count',
  'presence members of one topic: each one who comes or goes is told to all',
);
/** Bytes gathered for one write to a socket: amortises the system call, delays nobody noticeably. */
export const WRITE_BATCH_BYTES = 64 * 1024;
export const VALUES_IN_TRANSIT_BYTES = limit(
  'gateway.valuesInTransit',
  128 * VALUE_MAX_BYTES,
  'bytes',
  'values on their way in or out, 128 of the largest that JSON takes; then overloaded',
);
/**
 * A client that brings or takes a large value may be waited for so long while so many bytes go: 17 kbit/s, less than any link that
 * people use, and more than whoever only holds a place would like to spend.
 */
export const TRANSFER_WINDOW_MS = limit(
  'gateway.transferWindow',
  30_000,
  'milliseconds',
  'a transfer that does not get on is cut',
);
export const TRANSFER_MIN_BYTES = limit(
  'gateway.transferMinBytes',
  64 * 1024,
  'bytes',
  'what has to come or go in that time',
);
export const STREAMS_IN_MAX = limit(
  'gateway.streamsIn',
  48,
  'count',
  'large values on their way in: each has two chunks of 1 MiB and what is being written in memory; then overloaded',
);
/** Limit for one namespace among them: the others need capacity, too. */
export const STREAMS_IN_PER_NAMESPACE = limit(
  'gateway.streamsInPerNamespace',
  24,
  'count',
  'the others need room, too',
);
/** The same for those that are streamed out: each reads four chunks of 1 MiB ahead. */
export const STREAMS_OUT_MAX = limit(
  'gateway.streamsOut',
  96,
  'count',
  'large values on their way out; then overloaded',
);
export const STREAMS_OUT_PER_NAMESPACE = limit(
  'gateway.streamsOutPerNamespace',
  64,
  'count',
  'the others need room, too',
);
/** How long a request waits for an earlier one at the same upload to end: what came of it is being written. */
export const UPLOAD_TURN_MS = 10_000;
export const UPLOAD_CHUNK_BYTES = limit(
  'gateway.uploadChunk',
  BLOCK_MAX_BYTES,
  'bytes',
  'an upload keeps whole blocks of so many bytes of an append that is not the last',
);
export const E2_JSON_MAX_BYTES = limit(
  'gateway.e2JsonBytes',
  Math.ceil(VALUE_MAX_BYTES / 3) * 4 + 64 * 1024,
  'bytes',
  'a blob in base64 and the JSON around it, which is in memory: larger ones come as a form',
);
export const FORM_FIELDS_MAX = limit(
  'gateway.formFields',
  16,
  'count',
  'fields of a form with a file: E2 clients send one field beside the file',
);
export const FORM_FIELD_MAX_BYTES = limit('gateway.formFieldBytes', 1024, 'bytes', 'of each field of a form');
export const FORM_HEADERS_MAX = limit('gateway.formHeaders', 16, 'count', 'header lines of a part of a form');
export const E2_UNPINNED_LIFE_MS = limit(
  'gateway.e2UnpinnedLife',
  86_400_000,
  'milliseconds',
  'how long the gateway keeps a file that an E2 client uploads with pin=false',
);
/** A piece that is written to a client's socket at once: a slow one holds up no more. */
export const VALUE_PIECE_BYTES = 128 * 1024;
export const IPFS_IN_TRANSIT_BYTES = limit(
  'gateway.ipfsInTransit',
  128 * 2 ** 20,
  'bytes',
  'blocks on their way to clients of the trustless gateway; then overloaded',
);
export const IPFS_UNIQUE_BLOCKS_MAX = limit(
  'gateway.ipfsUniqueBlocks',
  16_384,
  'count',
  'blocks of a CAR without duplicates: so many CIDs, some 100 bytes each, are remembered. Of a larger file they come each time',
);
/** The same for objects that clients signed: what all of them together may hold. */
export const SIGNED_IN_TRANSIT_BYTES = limit(
  'gateway.signedInTransit',
  64 * RECORD_MAX_BYTES,
  'bytes',
  'then signed objects are refused',
);
/** Size of a JSON body besides its value: names, and JSON escapes. */
export const JSON_OVERHEAD_BYTES = 64 * 1024;
/** A value in hex, and the JSON around it. */
export const HEX_BODY_MAX_BYTES = 2 * VALUE_MAX_BYTES + JSON_OVERHEAD_BYTES;
export const TTL_MIN_MS = limit(
  'gateway.ttlMin',
  1_000,
  'milliseconds',
  'a shorter life is over before a client on another continent can read it',
);
export const TTL_MAX_MS = limit(
  'gateway.ttlMax',
  3_650 * 86_400_000,
  'milliseconds',
  'ten years: a value that shall live longer has no end',
);
/** Entries of a page of a list unless said, and at most: 1 MB of the longest keys. */
export const LIST_DEFAULT = 100;
export const LIST_MAX = limit('gateway.listEntries', 1_000, 'count', 'entries of a page');
export const DEBROS_LIST_MAX = limit(
  'gateway.debrosListKeys',
  10_000,
  'count',
  'keys in a list of DeBros, which has no pages',
);
/** A cursor is opaque, but it fits a URL. */
export const CURSOR_MAX_LENGTH = 4_096;
export const ETAGS_MAX = limit(
  'gateway.etags',
  32,
  'count',
  'entity tags in one If-Match: more than versions anybody keeps of a value',
);
/** How often a conditional write begins anew because the value changed to another one that it allows. */
export const CONDITION_ATTEMPTS = 3;
export const MGET_KEYS_MAX = limit('gateway.mgetKeys', 256, 'count', 'keys of one mget');
/** Keys of one mget that are read side by side. */
export const MGET_PARALLEL = 16;
export const MGET_MAX_BYTES = limit('gateway.mgetBytes', 8 * 2 ** 20, 'bytes', 'what one mget may bring');
export const SCAN_KEYS_MAX = limit(
  'gateway.scanKeys',
  10_000,
  'count',
  'keys of one dmap that a scan looks at',
);
export const SCANS_PER_NAMESPACE = limit(
  'gateway.scans',
  1,
  'count',
  'scans with a regular expression at once in one namespace: each takes the event loop’s time',
);
export const PATTERN_MAX_LENGTH = limit(
  'gateway.patternLength',
  128,
  'bytes',
  'length of a scan’s regular expression',
);
export const PATTERN_MAX_STEPS = limit(
  'gateway.patternSteps',
  512,
  'count',
  'length of a regular expression whose {n,m} are written out: the longest takes some 20 ms for the longest key, at worst',
);
export const SCAN_MATCH_MAX_MS = limit(
  'gateway.scanMatch',
  250,
  'milliseconds',
  'time one scan spends on its regular expression: ten times what 10 000 keys and an ordinary one take',
);
/** Time of that before other clients get their turn. A key is not interrupted. */
export const SCAN_TURN_MS = 5;

/** Unused rate that a client may save up: a page that loads, or a client that comes back, asks for much at once. */
export const RATE_BURST_SECONDS = 10;
/** Rate that a client may owe: a client that goes on regardless waits that long, and so do others at its address. */
export const RATE_DEBT_SECONDS = 5;
/** Addresses, credentials or namespaces that a rate remembers, some 200 bytes each; the least recent is forgotten. */
export const RATE_SUBJECTS_MAX = 50_000;
/** When a place for a stream may be free again: nobody knows, and asking costs little. */
export const STREAM_RETRY_SECONDS = 5;
export const TLS_CHECK_MS = limit(
  'gateway.tls.check',
  2_000,
  'milliseconds',
  'how often the gateway looks at the files of certificate and key: a renewal is in force that soon',
);
/** A certificate chain, or a key: the longest chains have some 20 KiB. */
export const TLS_FILE_MAX_BYTES = 256 * 1024;
/**
 * Bytes read of a table of sockets: some 100 000 rows of 150 bytes. Later sockets are not found, so they do not count as the
 * operator's.
 */
export const SOCKET_TABLE_MAX_BYTES = 16 * 2 ** 20;
/** The kernel gives a page or so at once. */
export const SOCKET_TABLE_READ_BYTES = 16 * 1024;
/** How often a connection is looked for in it: once a row may be missed while the table changes, and root is seen twice. */
export const SOCKET_TABLE_PASSES = 3;
/** Events that wait for the audit log's disk, some 500 bytes each; beyond that they are counted only. */
export const AUDIT_PENDING_MAX = 10_000;
/** When a write to the audit log that failed is tried again without a new event. */
export const AUDIT_RETRY_MS = 5_000;
export const AUDIT_REFUSALS_PER_SECOND = limit(
  'gateway.audit.refusals',
  2,
  'per second',
  'refusals of one kind that are written down one by one; of more it is only known how many',
);
export const AUDIT_REFUSALS_BURST = limit(
  'gateway.audit.refusalsBurst',
  200,
  'count',
  'written one by one at once',
);

limit('gateway.valueBytes', BLOB_MAX_BYTES, 'bytes', 'the largest value');
limit('gateway.valueInMemory', INLINE_MAX_BYTES, 'bytes', 'larger values go in and out as they come');
limit('gateway.jsonValueBytes', VALUE_MAX_BYTES, 'bytes', 'the largest value within JSON, and of 4NK');
limit('gateway.rate.burst', RATE_BURST_SECONDS * 1000, 'milliseconds', 'of its rate a client may save up');
limit('gateway.rate.debt', RATE_DEBT_SECONDS * 1000, 'milliseconds', 'of its rate a client can owe');
limit('gateway.streamRetry', STREAM_RETRY_SECONDS * 1000, 'milliseconds', 'when a place may be free');

/** For the info document. */
export const GATEWAY_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`gateway limits: ${relation}`);
}
assertRelation(HEADERS_TIMEOUT_MS < REQUEST_TIMEOUT_MS, 'headers are part of the request');
assertRelation(PING_INTERVAL_MS % SSE_HEARTBEAT_MS === 0, 'one timer beats for both');
assertRelation(STOP_CLOSE_TIMEOUT_MS < 1_000, 'stopping takes at most a second');
assertRelation(VALUES_IN_TRANSIT_BYTES >= HEX_BODY_MAX_BYTES, 'the largest value goes, in whatever form');
assertRelation(MGET_MAX_BYTES >= 4 * VALUE_MAX_BYTES, 'an mget of one value goes, however JSON escapes it');
assertRelation(SCAN_TURN_MS * 10 <= SCAN_MATCH_MAX_MS, 'a scan takes several turns before it is refused');
assertRelation(FRAME_MAX_BYTES > MESSAGE_MAX_BYTES, 'a raw message fits a frame');
