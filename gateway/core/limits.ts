import { BLOB_MAX_BYTES, BLOCK_MAX_BYTES } from '../../protocols/blobs/constants.ts';
import type { Limit } from '../../protocols/common/limits.ts';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import {
  CONTENT_TYPE_MAX_LENGTH,
  INLINE_MAX_BYTES,
  RECORD_MAX_BYTES,
  VALUE_MAX_BYTES,
} from '../../protocols/storage/constants.ts';

/** Request line and headers. A topic of 256 bytes is at most 768 escaped, a token some 2 KiB. */
export const HEADERS_MAX_BYTES = 16 * 1024;
/** Header lines of one request; browsers send some 20. */
export const HEADERS_MAX_COUNT = 100;
/** Time for a request's headers: what a slow mobile link needs, not what a slow-loris would like. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Time for a whole request that is not streamed, body included: 256 KiB over 70 kbit/s. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** An idle keep-alive connection is closed after this; longer than most clients pause between calls. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Connections beside those of streaming clients: requests in flight and idle keep-alive ones. */
export const PLAIN_CONNECTIONS_MAX = 2_000;
/** How often the admin listener tells how far a long work is. */
export const PROGRESS_INTERVAL_MS = 1_000;
/** A connection to it on which nothing moves is closed after this. */
export const ADMIN_IDLE_MS = 120_000;
/** Connections to the admin listener: a few scrapers and people. */
export const ADMIN_CONNECTIONS_MAX = 64;
/** A full message in base64, and the JSON around it. */
export const FRAME_MAX_BYTES = Math.ceil(MESSAGE_MAX_BYTES / 3) * 4 + 4 * 1024;
/** Fragments of one WebSocket message: nobody needs to cut 196 KiB finer than into 3 KiB. */
export const FRAME_MAX_FRAGMENTS = 64;
/** Publishes of one WebSocket that may be unanswered; at more the gateway stops reading from it. */
export const SESSION_PUBLISHES_MAX = 64;
/** Frames taken from one WebSocket before the others get their turn: a millisecond's work or two. */
export const FRAMES_PER_TURN = 64;
/** A WebSocket is pinged this often. */
export const PING_INTERVAL_MS = 30_000;
/** Unanswered pings after which a WebSocket is dropped. */
export const PINGS_MISSED_MAX = 2;
/** An SSE stream gets a comment this often, so that proxies keep it open. */
export const SSE_HEARTBEAT_MS = 15_000;
/** How long a client that was told to go has to close its side. */
export const CLOSE_TIMEOUT_MS = 5_000;
/** The same when the gateway stops: it has a second for everything. */
export const STOP_CLOSE_TIMEOUT_MS = 400;
/** How long an Idempotency-Key is remembered. */
export const IDEMPOTENCY_WINDOW_MS = 10 * 60_000;
/** Idempotency-Keys remembered, some 500 bytes each; full, a request with a new one is refused as overload. */
export const IDEMPOTENCY_KEYS_MAX = 200_000;
/** Of one namespace that a credential is for: the others need room, too. */
export const IDEMPOTENCY_KEYS_PER_NAMESPACE = 20_000;
/** Length of an Idempotency-Key: a UUID is 36. */
export const IDEMPOTENCY_KEY_MAX_LENGTH = 128;
/** Length of a native frame's `ref`. */
export const REF_MAX_LENGTH = 64;
/** A readiness probe that takes longer counts as failed. */
export const PROBE_TIMEOUT_MS = 2_000;
/** Ports tried when the usual one is taken. */
export const PORT_ATTEMPTS = 100;
/** Characters of a presence member's id. */
export const MEMBER_ID_MAX_LENGTH = 128;
/** Bytes of a presence member's meta as JSON: a name and a picture's address. */
export const MEMBER_META_MAX_BYTES = 1024;
/** Presence members of one topic: each one who comes or goes is told to all. */
export const MEMBERS_MAX = 1_000;
/** What is gathered for one write to a socket: amortises the system call, delays nobody noticeably. */
export const WRITE_BATCH_BYTES = 64 * 1024;
/** Values on their way in or out, all requests together: 128 of the largest. */
export const VALUES_IN_TRANSIT_BYTES = 128 * VALUE_MAX_BYTES;
/**
 * A client that brings or takes a large value may be waited for so long while so many bytes go: 17 kbit/s, less than any link that
 * people use, and more than whoever only holds a place would like to spend.
 */
export const TRANSFER_WINDOW_MS = 30_000;
export const TRANSFER_MIN_BYTES = 64 * 1024;
/** Large values that are streamed in at once: each has two chunks of 1 MiB and what is being written in memory. */
export const STREAMS_IN_MAX = 48;
/** Of one namespace among them: the others need room, too. */
export const STREAMS_IN_PER_NAMESPACE = 24;
/** The same for those that are streamed out: each reads four chunks of 1 MiB ahead. */
export const STREAMS_OUT_MAX = 96;
export const STREAMS_OUT_PER_NAMESPACE = 64;
/** How long a request waits for an earlier one at the same upload to end: what came of it is being written. */
export const UPLOAD_TURN_MS = 10_000;
/** What an upload keeps of an append that is not the last: the blocks of its blob. */
export const UPLOAD_CHUNK_BYTES = BLOCK_MAX_BYTES;
/** A blob in base64 and the JSON around it, which is in memory: larger ones come as a form. */
export const E2_JSON_MAX_BYTES = Math.ceil(VALUE_MAX_BYTES / 3) * 4 + 64 * 1024;
/** Fields of a form with a file, and the bytes of each: E2 clients send one field beside the file. */
export const FORM_FIELDS_MAX = 16;
export const FORM_FIELD_MAX_BYTES = 1024;
/** Header lines of a part of a form. */
export const FORM_HEADERS_MAX = 16;
/** How long E2 clients' files are kept that are not to be pinned: who wants more pins them. */
export const E2_UNPINNED_LIFE_MS = 86_400_000;
/** A piece that is written to a client's socket at once: a slow one holds up no more. */
export const VALUE_PIECE_BYTES = 128 * 1024;
/** Blocks on their way to clients of the trustless gateway. */
export const IPFS_IN_TRANSIT_BYTES = 128 * 2 ** 20;
/** Blocks of a CAR without duplicates: so many CIDs, some 100 bytes each, are remembered. Of a larger file they come each time. */
export const IPFS_UNIQUE_BLOCKS_MAX = 16_384;
/** The same for objects that clients signed: what all of them together may hold. */
export const SIGNED_IN_TRANSIT_BYTES = 64 * RECORD_MAX_BYTES;
/** What a JSON body may have beside a value: names, and what JSON escapes. */
export const JSON_OVERHEAD_BYTES = 64 * 1024;
/** A value in hex, and the JSON around it. */
export const HEX_BODY_MAX_BYTES = 2 * VALUE_MAX_BYTES + JSON_OVERHEAD_BYTES;
/** A shorter life is over before a client on another continent can read it. */
export const TTL_MIN_MS = 1_000;
/** Ten years: what shall live longer has no end. */
export const TTL_MAX_MS = 3_650 * 86_400_000;
/** Entries of a page of a list unless said, and at most: 1 MB of the longest keys. */
export const LIST_DEFAULT = 100;
export const LIST_MAX = 1_000;
/** Keys in a list of DeBros, which has no pages. */
export const DEBROS_LIST_MAX = 10_000;
/** A cursor is opaque, but it fits a URL. */
export const CURSOR_MAX_LENGTH = 4_096;
/** Entity tags in one If-Match: more than versions anybody keeps of a value. */
export const ETAGS_MAX = 32;
/** How often a conditional write begins anew because the value changed to another one that it allows. */
export const CONDITION_ATTEMPTS = 3;
/** Keys of one mget, and how many of them are read side by side. */
export const MGET_KEYS_MAX = 256;
export const MGET_PARALLEL = 16;
/** What one mget may bring. */
export const MGET_MAX_BYTES = 8 * 2 ** 20;
/** Keys of one dmap that a scan looks at. */
export const SCAN_KEYS_MAX = 10_000;
/** Scans with a regular expression at once in one namespace: each is nothing but work. */
export const SCANS_PER_NAMESPACE = 1;
/** Length of a scan's regular expression. */
export const PATTERN_MAX_LENGTH = 128;
/** Instructions a regular expression may become: what {n,m} repeats counts each time. */
export const PATTERN_MAX_STEPS = 1_024;
/** Work of one scan, states times characters: some 5 000 keys of 20 characters and a simple expression. */
export const SCAN_WORK_MAX = 200_000;
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
export const TLS_CHECK_MS = 2_000;
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
export const AUDIT_REFUSALS_PER_SECOND = 2;
export const AUDIT_REFUSALS_BURST = 200;

/** The limits of a gateway that are no settings; those the node lists. */
export const GATEWAY_LIMITS: readonly Limit[] = [
  limit('gateway.plainConnections', PLAIN_CONNECTIONS_MAX, 'count', 'connections beside streaming clients'),
  limit('admin.connections', ADMIN_CONNECTIONS_MAX, 'count', 'scrapers and people'),
  limit('gateway.headersBytes', HEADERS_MAX_BYTES, 'bytes', 'URL and headers of one request'),
  limit('gateway.headersCount', HEADERS_MAX_COUNT, 'count', 'header lines of one request'),
  limit('gateway.headersTimeout', HEADERS_TIMEOUT_MS, 'milliseconds', 'slow senders hold a connection'),
  limit('gateway.requestTimeout', REQUEST_TIMEOUT_MS, 'milliseconds', 'slow senders hold a connection'),
  limit('gateway.keepAliveTimeout', KEEP_ALIVE_TIMEOUT_MS, 'milliseconds', 'idle connections are closed'),
  limit('gateway.frameBytes', FRAME_MAX_BYTES, 'bytes', 'a WebSocket message: a full message in base64'),
  limit('gateway.frameFragments', FRAME_MAX_FRAGMENTS, 'count', 'fragments of a WebSocket message'),
  limit('gateway.sessionPublishes', SESSION_PUBLISHES_MAX, 'count', 'then a WebSocket is not read from'),
  limit('gateway.framesPerTurn', FRAMES_PER_TURN, 'count', 'then other clients get their turn'),
  limit('gateway.pingInterval', PING_INTERVAL_MS, 'milliseconds', 'finds WebSocket peers that are gone'),
  limit('gateway.pingsMissed', PINGS_MISSED_MAX, 'count', 'then a WebSocket is dropped'),
  limit('gateway.sseHeartbeat', SSE_HEARTBEAT_MS, 'milliseconds', 'keeps proxies from closing a stream'),
  limit('gateway.closeTimeout', CLOSE_TIMEOUT_MS, 'milliseconds', 'for a client to close its side'),
  limit('gateway.idempotencyWindow', IDEMPOTENCY_WINDOW_MS, 'milliseconds', 'a retry is safe that long'),
  limit('gateway.idempotencyKeys', IDEMPOTENCY_KEYS_MAX, 'count', 'some 500 bytes each; then overloaded'),
  limit(
    'gateway.idempotencyKeysPerNamespace',
    IDEMPOTENCY_KEYS_PER_NAMESPACE,
    'count',
    'the others need room, too',
  ),
  limit('gateway.idempotencyKeyLength', IDEMPOTENCY_KEY_MAX_LENGTH, 'bytes', 'room for any common id'),
  limit('gateway.refLength', REF_MAX_LENGTH, 'bytes', 'a ref is sent back as it came'),
  limit('gateway.memberIdLength', MEMBER_ID_MAX_LENGTH, 'bytes', 'told to every member of a topic'),
  limit('gateway.memberMetaBytes', MEMBER_META_MAX_BYTES, 'bytes', 'told to every member of a topic'),
  limit('gateway.members', MEMBERS_MAX, 'count', 'members of a topic: each change is told to all'),
  limit('gateway.valueBytes', BLOB_MAX_BYTES, 'bytes', 'the largest value'),
  limit('gateway.valueInMemory', INLINE_MAX_BYTES, 'bytes', 'larger values go in and out as they come'),
  limit('gateway.jsonValueBytes', VALUE_MAX_BYTES, 'bytes', 'the largest value within JSON, and of 4NK'),
  limit('gateway.valuesInTransit', VALUES_IN_TRANSIT_BYTES, 'bytes', 'then requests with values are refused'),
  limit(
    'gateway.transferWindow',
    TRANSFER_WINDOW_MS,
    'milliseconds',
    'a transfer that does not get on is cut',
  ),
  limit('gateway.transferMinBytes', TRANSFER_MIN_BYTES, 'bytes', 'what has to come or go in that time'),
  limit('gateway.streamsIn', STREAMS_IN_MAX, 'count', 'large values on their way in; then overloaded'),
  limit('gateway.streamsInPerNamespace', STREAMS_IN_PER_NAMESPACE, 'count', 'the others need room, too'),
  limit('gateway.streamsOut', STREAMS_OUT_MAX, 'count', 'large values on their way out; then overloaded'),
  limit('gateway.streamsOutPerNamespace', STREAMS_OUT_PER_NAMESPACE, 'count', 'the others need room, too'),
  limit('gateway.uploadTurn', UPLOAD_TURN_MS, 'milliseconds', 'for an earlier request at an upload to end'),
  limit('gateway.uploadChunk', UPLOAD_CHUNK_BYTES, 'bytes', 'an upload is kept in blocks of so many'),
  limit('gateway.formFields', FORM_FIELDS_MAX, 'count', 'fields of a form with a file'),
  limit('gateway.formFieldBytes', FORM_FIELD_MAX_BYTES, 'bytes', 'of each of them'),
  limit('gateway.formHeaders', FORM_HEADERS_MAX, 'count', 'header lines of a part of a form'),
  limit(
    'gateway.e2JsonBytes',
    E2_JSON_MAX_BYTES,
    'bytes',
    'a blob in JSON is in memory; larger ones are forms',
  ),
  limit('gateway.e2UnpinnedLife', E2_UNPINNED_LIFE_MS, 'milliseconds', 'what is uploaded with pin=false'),
  limit('gateway.signedInTransit', SIGNED_IN_TRANSIT_BYTES, 'bytes', 'then signed objects are refused'),
  limit('gateway.ipfsInTransit', IPFS_IN_TRANSIT_BYTES, 'bytes', 'then requests for blocks are refused'),
  limit('gateway.ipfsUniqueBlocks', IPFS_UNIQUE_BLOCKS_MAX, 'count', 'of a CAR without duplicates'),
  limit('gateway.contentTypeLength', CONTENT_TYPE_MAX_LENGTH, 'bytes', 'kept with each value'),
  limit('gateway.ttlMin', TTL_MIN_MS, 'milliseconds', 'less is over before it can be read'),
  limit('gateway.ttlMax', TTL_MAX_MS, 'milliseconds', 'what shall live longer has no end'),
  limit('gateway.listEntries', LIST_MAX, 'count', 'entries of a page'),
  limit('gateway.debrosListKeys', DEBROS_LIST_MAX, 'count', 'a list of DeBros has no pages'),
  limit('gateway.etags', ETAGS_MAX, 'count', 'entity tags of one condition'),
  limit('gateway.mgetKeys', MGET_KEYS_MAX, 'count', 'keys read by one request'),
  limit('gateway.mgetBytes', MGET_MAX_BYTES, 'bytes', 'what one request brings'),
  limit('gateway.scanKeys', SCAN_KEYS_MAX, 'count', 'keys one scan looks at'),
  limit('gateway.scanWork', SCAN_WORK_MAX, 'count', 'characters times states of a regular expression'),
  limit('gateway.scanWorkPerTurn', SCAN_WORK_PER_TURN, 'count', 'of it, then other clients get their turn'),
  limit('gateway.scans', SCANS_PER_NAMESPACE, 'count', 'with a regular expression at once in a namespace'),
  limit('gateway.patternLength', PATTERN_MAX_LENGTH, 'bytes', 'of a regular expression'),
  limit(
    'gateway.patternSteps',
    PATTERN_MAX_STEPS,
    'count',
    'a regular expression with its repetitions written out',
  ),
  limit('gateway.rate.burst', RATE_BURST_SECONDS * 1000, 'milliseconds', 'of its rate a client may save up'),
  limit('gateway.rate.debt', RATE_DEBT_SECONDS * 1000, 'milliseconds', 'of its rate a client can owe'),
  limit('gateway.rate.subjects', RATE_SUBJECTS_MAX, 'count', 'a rate remembers so many clients'),
  limit('gateway.streamRetry', STREAM_RETRY_SECONDS * 1000, 'milliseconds', 'when a place may be free'),
  limit('gateway.tls.check', TLS_CHECK_MS, 'milliseconds', 'a renewed certificate is in force that soon'),
  limit('gateway.tls.fileBytes', TLS_FILE_MAX_BYTES, 'bytes', 'a certificate chain or a key'),
  limit(
    'gateway.socketTableBytes',
    SOCKET_TABLE_MAX_BYTES,
    'bytes',
    'sockets of a machine that are looked at',
  ),
  limit('gateway.socketTablePasses', SOCKET_TABLE_PASSES, 'count', 'then nobody knows whose a connection is'),
  limit('gateway.audit.pending', AUDIT_PENDING_MAX, 'count', 'events that wait for the disk'),
  limit('gateway.audit.retry', AUDIT_RETRY_MS, 'milliseconds', 'when a full disk is tried again'),
  limit('gateway.audit.refusals', AUDIT_REFUSALS_PER_SECOND, 'per second', 'then they are only counted'),
  limit('gateway.audit.refusalsBurst', AUDIT_REFUSALS_BURST, 'count', 'written one by one at once'),
  limit('gateway.probeTimeout', PROBE_TIMEOUT_MS, 'milliseconds', 'a slow probe counts as failed'),
];

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

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
