import { BLOB_MAX_BYTES, BLOCK_MAX_BYTES } from '../../protocols/blobs/constants.ts';
import { type Limit, limitsIn } from '../../protocols/common/limits.ts';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { INLINE_MAX_BYTES, RECORD_MAX_BYTES, VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Request line and headers. A topic of 256 bytes is at most 768 escaped, a token some 2 KiB. */
export const HEADERS_MAX_BYTES = limit(
  'gateway.headersBytes',
  16 * 1024,
  'bytes',
  'URL and headers of one request',
);
/** Header lines of one request; browsers send some 20. */
export const HEADERS_MAX_COUNT = limit('gateway.headersCount', 100, 'count', 'header lines of one request');
/** Time for a request's headers: what a slow mobile link needs, not what a slow-loris would like. */
export const HEADERS_TIMEOUT_MS = limit(
  'gateway.headersTimeout',
  10_000,
  'milliseconds',
  'slow senders hold a connection',
);
/** Time for a whole request that is not streamed, body included: 256 KiB over 70 kbit/s. */
export const REQUEST_TIMEOUT_MS = limit(
  'gateway.requestTimeout',
  30_000,
  'milliseconds',
  'slow senders hold a connection',
);
/** An idle keep-alive connection is closed after this; longer than most clients pause between calls. */
export const KEEP_ALIVE_TIMEOUT_MS = limit(
  'gateway.keepAliveTimeout',
  65_000,
  'milliseconds',
  'idle connections are closed',
);
/** Connections beside those of streaming clients: requests in flight and idle keep-alive ones. */
export const PLAIN_CONNECTIONS_MAX = limit(
  'gateway.plainConnections',
  2_000,
  'count',
  'connections beside streaming clients',
);
/** How often the admin listener tells how far a long work is. */
export const PROGRESS_INTERVAL_MS = 1_000;
/** A connection to it on which nothing moves is closed after this. */
export const ADMIN_IDLE_MS = 120_000;
/** Connections to the admin listener: a few scrapers and people. */
export const ADMIN_CONNECTIONS_MAX = limit('admin.connections', 64, 'count', 'scrapers and people');
/** A full message in base64, and the JSON around it. */
export const FRAME_MAX_BYTES = limit(
  'gateway.frameBytes',
  Math.ceil(MESSAGE_MAX_BYTES / 3) * 4 + 4 * 1024,
  'bytes',
  'a WebSocket message: a full message in base64',
);
/** Fragments of one WebSocket message: nobody needs to cut 196 KiB finer than into 3 KiB. */
export const FRAME_MAX_FRAGMENTS = limit(
  'gateway.frameFragments',
  64,
  'count',
  'fragments of a WebSocket message',
);
/** Publishes of one WebSocket that may be unanswered; at more the gateway stops reading from it. */
export const SESSION_PUBLISHES_MAX = limit(
  'gateway.sessionPublishes',
  64,
  'count',
  'then a WebSocket is not read from',
);
/** Frames taken from one WebSocket before the others get their turn: a millisecond's work or two. */
export const FRAMES_PER_TURN = 64;
/** A WebSocket is pinged this often. */
export const PING_INTERVAL_MS = limit(
  'gateway.pingInterval',
  30_000,
  'milliseconds',
  'finds WebSocket peers that are gone',
);
/** Unanswered pings after which a WebSocket is dropped. */
export const PINGS_MISSED_MAX = limit('gateway.pingsMissed', 2, 'count', 'then a WebSocket is dropped');
/** An SSE stream gets a comment this often, so that proxies keep it open. */
export const SSE_HEARTBEAT_MS = limit(
  'gateway.sseHeartbeat',
  15_000,
  'milliseconds',
  'keeps proxies from closing a stream',
);
/** How long a client that was told to go has to close its side. */
export const CLOSE_TIMEOUT_MS = limit(
  'gateway.closeTimeout',
  5_000,
  'milliseconds',
  'for a client to close its side',
);
/** The same when the gateway stops: it has a second for everything. */
export const STOP_CLOSE_TIMEOUT_MS = 400;
/** How long an Idempotency-Key is remembered. */
export const IDEMPOTENCY_WINDOW_MS = limit(
  'gateway.idempotencyWindow',
  10 * 60_000,
  'milliseconds',
  'a retry is safe that long',
);
/** Idempotency-Keys remembered, some 500 bytes each; full, a request with a new one is refused as overload. */
export const IDEMPOTENCY_KEYS_MAX = limit(
  'gateway.idempotencyKeys',
  200_000,
  'count',
  'some 500 bytes each; then overloaded',
);
/** Of one namespace that a credential is for: the others need room, too. */
export const IDEMPOTENCY_KEYS_PER_NAMESPACE = limit(
  'gateway.idempotencyKeysPerNamespace',
  20_000,
  'count',
  'the others need room, too',
);
/** Length of an Idempotency-Key: a UUID is 36. */
export const IDEMPOTENCY_KEY_MAX_LENGTH = limit(
  'gateway.idempotencyKeyLength',
  128,
  'bytes',
  'room for any common id',
);
/** Length of a native frame's `ref`. */
export const REF_MAX_LENGTH = limit('gateway.refLength', 64, 'bytes', 'a ref is sent back as it came');
/** A readiness probe that takes longer counts as failed. */
export const PROBE_TIMEOUT_MS = limit(
  'gateway.probeTimeout',
  2_000,
  'milliseconds',
  'a slow probe counts as failed',
);
/** Ports tried when the usual one is taken. */
export const PORT_ATTEMPTS = 100;
/** Characters of a presence member's id. */
export const MEMBER_ID_MAX_LENGTH = limit(
  'gateway.memberIdLength',
  128,
  'bytes',
  'told to every member of a topic',
);
/** Bytes of a presence member's meta as JSON: a name and a picture's address. */
export const MEMBER_META_MAX_BYTES = limit(
  'gateway.memberMetaBytes',
  1024,
  'bytes',
  'told to every member of a topic',
);
/** Presence members of one topic: each one who comes or goes is told to all. */
export const MEMBERS_MAX = limit(
  'gateway.members',
  1_000,
  'count',
  'members of a topic: each change is told to all',
);
/** What is gathered for one write to a socket: amortises the system call, delays nobody noticeably. */
export const WRITE_BATCH_BYTES = 64 * 1024;
/** Values on their way in or out, all requests together: 128 of the largest. */
export const VALUES_IN_TRANSIT_BYTES = limit(
  'gateway.valuesInTransit',
  128 * VALUE_MAX_BYTES,
  'bytes',
  'then requests with values are refused',
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
/** Large values that are streamed in at once: each has two chunks of 1 MiB and what is being written in memory. */
export const STREAMS_IN_MAX = limit(
  'gateway.streamsIn',
  48,
  'count',
  'large values on their way in; then overloaded',
);
/** Of one namespace among them: the others need room, too. */
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
/** What an upload keeps of an append that is not the last: the blocks of its blob. */
export const UPLOAD_CHUNK_BYTES = limit(
  'gateway.uploadChunk',
  BLOCK_MAX_BYTES,
  'bytes',
  'an upload is kept in blocks of so many',
);
/** A blob in base64 and the JSON around it, which is in memory: larger ones come as a form. */
export const E2_JSON_MAX_BYTES = limit(
  'gateway.e2JsonBytes',
  Math.ceil(VALUE_MAX_BYTES / 3) * 4 + 64 * 1024,
  'bytes',
  'a blob in JSON is in memory; larger ones are forms',
);
/** Fields of a form with a file, and the bytes of each: E2 clients send one field beside the file. */
export const FORM_FIELDS_MAX = limit('gateway.formFields', 16, 'count', 'fields of a form with a file');
export const FORM_FIELD_MAX_BYTES = limit('gateway.formFieldBytes', 1024, 'bytes', 'of each of them');
/** Header lines of a part of a form. */
export const FORM_HEADERS_MAX = limit('gateway.formHeaders', 16, 'count', 'header lines of a part of a form');
/** How long E2 clients' files are kept that are not to be pinned: who wants more pins them. */
export const E2_UNPINNED_LIFE_MS = limit(
  'gateway.e2UnpinnedLife',
  86_400_000,
  'milliseconds',
  'what is uploaded with pin=false',
);
/** A piece that is written to a client's socket at once: a slow one holds up no more. */
export const VALUE_PIECE_BYTES = 128 * 1024;
/** Blocks on their way to clients of the trustless gateway. */
export const IPFS_IN_TRANSIT_BYTES = limit(
  'gateway.ipfsInTransit',
  128 * 2 ** 20,
  'bytes',
  'then requests for blocks are refused',
);
/** Blocks of a CAR without duplicates: so many CIDs, some 100 bytes each, are remembered. Of a larger file they come each time. */
export const IPFS_UNIQUE_BLOCKS_MAX = limit(
  'gateway.ipfsUniqueBlocks',
  16_384,
  'count',
  'of a CAR without duplicates',
);
/** The same for objects that clients signed: what all of them together may hold. */
export const SIGNED_IN_TRANSIT_BYTES = limit(
  'gateway.signedInTransit',
  64 * RECORD_MAX_BYTES,
  'bytes',
  'then signed objects are refused',
);
/** What a JSON body may have beside a value: names, and what JSON escapes. */
export const JSON_OVERHEAD_BYTES = 64 * 1024;
/** A value in hex, and the JSON around it. */
export const HEX_BODY_MAX_BYTES = 2 * VALUE_MAX_BYTES + JSON_OVERHEAD_BYTES;
/** A shorter life is over before a client on another continent can read it. */
export const TTL_MIN_MS = limit(
  'gateway.ttlMin',
  1_000,
  'milliseconds',
  'less is over before it can be read',
);
/** Ten years: what shall live longer has no end. */
export const TTL_MAX_MS = limit(
  'gateway.ttlMax',
  3_650 * 86_400_000,
  'milliseconds',
  'what shall live longer has no end',
);
/** Entries of a page of a list unless said, and at most: 1 MB of the longest keys. */
export const LIST_DEFAULT = 100;
export const LIST_MAX = limit('gateway.listEntries', 1_000, 'count', 'entries of a page');
/** Keys in a list of DeBros, which has no pages. */
export const DEBROS_LIST_MAX = limit(
  'gateway.debrosListKeys',
  10_000,
  'count',
  'a list of DeBros has no pages',
);
/** A cursor is opaque, but it fits a URL. */
export const CURSOR_MAX_LENGTH = 4_096;
/** Entity tags in one If-Match: more than versions anybody keeps of a value. */
export const ETAGS_MAX = limit('gateway.etags', 32, 'count', 'entity tags of one condition');
/** How often a conditional write begins anew because the value changed to another one that it allows. */
export const CONDITION_ATTEMPTS = 3;
/** Keys of one mget, and how many of them are read side by side. */
export const MGET_KEYS_MAX = limit('gateway.mgetKeys', 256, 'count', 'keys read by one request');
export const MGET_PARALLEL = 16;
/** What one mget may bring. */
export const MGET_MAX_BYTES = limit('gateway.mgetBytes', 8 * 2 ** 20, 'bytes', 'what one request brings');
/** Keys of one dmap that a scan looks at. */
export const SCAN_KEYS_MAX = limit('gateway.scanKeys', 10_000, 'count', 'keys one scan looks at');
/** Scans with a regular expression at once in one namespace: each is nothing but work. */
export const SCANS_PER_NAMESPACE = limit(
  'gateway.scans',
  1,
  'count',
  'with a regular expression at once in a namespace',
);
/** Length of a scan's regular expression. */
export const PATTERN_MAX_LENGTH = limit('gateway.patternLength', 128, 'bytes', 'of a regular expression');
/** Instructions a regular expression may become: what {n,m} repeats counts each time. */
export const PATTERN_MAX_STEPS = limit(
  'gateway.patternSteps',
  1_024,
  'count',
  'a regular expression with its repetitions written out',
);
/** Work of one scan, states times characters: some 5 000 keys of 20 characters and a simple expression. */
export const SCAN_WORK_MAX = limit(
  'gateway.scanWork',
  200_000,
  'count',
  'characters times states of a regular expression',
);
/** Of it before others get their turn: some milliseconds. */
export const SCAN_WORK_PER_TURN = 20_000;

/** What may be saved up of a rate: a page that loads, or a client that comes back, asks for much at once. */
export const RATE_BURST_SECONDS = 10;
/** What may be owed of a rate: whoever goes on regardless waits that long, and so does who shares its address. */
export const RATE_DEBT_SECONDS = 5;
/** Addresses, credentials or namespaces that a rate remembers, some 200 bytes each; the least recent is forgotten. */
export const RATE_SUBJECTS_MAX = 50_000;
/** When a place for a stream may be free again: nobody knows, and asking costs little. */
export const STREAM_RETRY_SECONDS = 5;
/** How often the files of certificate and key are looked at: a renewal is in force soon, and this costs two calls. */
export const TLS_CHECK_MS = limit(
  'gateway.tls.check',
  2_000,
  'milliseconds',
  'a renewed certificate is in force that soon',
);
/** A certificate chain, or a key: the longest chains have some 20 KiB. */
export const TLS_FILE_MAX_BYTES = 256 * 1024;
/** Of a table of sockets: some 100 000 rows of 150 bytes. What stands behind them is not found, and so not the operator's. */
export const SOCKET_TABLE_MAX_BYTES = 16 * 2 ** 20;
/** The kernel gives a page or so at once. */
export const SOCKET_TABLE_READ_BYTES = 16 * 1024;
/** How often a connection is looked for in it: once a row may be missed while the table changes, and root is seen twice. */
export const SOCKET_TABLE_PASSES = 3;
/** Events that wait for the audit log's disk, some 500 bytes each; beyond that they are counted only. */
export const AUDIT_PENDING_MAX = 10_000;
/** When a write to the audit log that failed is tried again without a new event. */
export const AUDIT_RETRY_MS = 5_000;
/** Refusals of one kind that are written down one by one; of more it is only known how many. */
export const AUDIT_REFUSALS_PER_SECOND = limit(
  'gateway.audit.refusals',
  2,
  'per second',
  'then they are only counted',
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
assertRelation(PATTERN_MAX_STEPS * 10 < SCAN_WORK_PER_TURN, 'a turn ends a character late at most');
assertRelation(FRAME_MAX_BYTES > MESSAGE_MAX_BYTES, 'a raw message fits a frame');
