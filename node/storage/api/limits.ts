import { type Limit, limitsIn } from '../../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Blobs, the oldest first, and namespaces that are looked at to find one that lets anyone read a block: some hundred microseconds. */
export const SHARES_MAX = 128;

export const DEADLINE_MS = limit(
  'storage.deadline',
  5_000,
  'milliseconds',
  'a request of a client, from its first question to the answer',
);
/** To connect to a replica and open its stream. */
export const CONNECT_TIMEOUT_MS = 1_500;
/** How long one replica may take to answer before the node asks it again or continues without it. */
export const ATTEMPT_TIMEOUT_MS = 2_000;
/** Between two rounds of the same request: doubled from the first to the second. */
export const BACKOFF_MS = 20;
export const BACKOFF_MAX_MS = 400;
/** Rounds in which no majority can be asked before a read gives the best copy: a replica that restarts is back by then or not. */
export const DEGRADED_ROUNDS = 2;
/** A write that meets a newer version takes one above it, so often. */
export const OUTRUN_MAX = 8;
export const OPERATIONS_MAX = limit(
  'storage.operations',
  4096,
  'count',
  'requests of clients under way at this node; then overloaded',
);

/** Streams of one connection: one, and one more while the first closes. */
export const STREAMS_PER_CONNECTION = 2;
/** Requests to one peer that wait for room in its window. */
export const WAITING_MAX = 2048;
/** Requests of all peers that are worked at. */
export const ANSWERING_MAX = 4096;
/** Bytes of answers that one peer has not read yet before it is cut off. */
export const UNREAD_MAX_BYTES = 16 * 2 ** 20;

/** Members of a swarm that may be replicas: what a directory holds at most. */
export const MEMBERS_MAX = 8192;
/** How often a node updates its list of members: while nodes disagree about members, they see different replicas. */
export const MEMBERS_TICK_MS = 100;
/** How often a node checks which members are connected: the check reads the connections of each. */
export const MEMBERS_LOOK_MS = 500;
/**
 * A member that is not connected is dialled this often at most, and at least four times within the down timeout, so
 * that a healed network reconnects soon.
 */
export const PROBE_MS = 10_000;
/** Members dialled at a time. */
export const PROBES_AT_ONCE = 4;
/** A joining node takes its list of members as complete when none was added for so long … */
export const SETTLE_MS = 1_000;
/** … or after this. */
export const SETTLE_MAX_MS = 10_000;
/** Between two writes of the members file: a killed node misjudges its absence by at most this. */
export const MEMBERS_WRITE_MS = 30_000;

/** How often a joining node checks whether it can continue. */
export const JOIN_TICK_MS = 250;
/** Partitions asked for at a time. */
export const JOIN_PAGE = 256;
/** Copying passes of a joining node: it receives writes made during the last pass once it is a replica. */
export const JOIN_PASSES_MAX = 4;

/** Members asked who is gone: of fewer than half of so many a liar has no majority. */
export const DOWN_MEMBERS_ASKED = 5;
/** Between two such questions, while nobody answered or other nodes still see other replicas. */
export const DOWN_MEMBERS_ASK_MS = 2_000;
/** How often a node checks whether such a question is due. */
export const DOWN_MEMBERS_TICK_MS = 100;

/** Partitions whose replicas are remembered, at some 300 bytes each. */
export const PLACES_MAX = 8192;
/** Members asked whether they hold a partition that this node will replicate: all members of a swarm of this size. */
export const CANDIDATES_MAX = 64;
/** Repairs of a replica that wait. */
export const REPAIRS_MAX = 1024;
/** Repairs at a time. */
export const REPAIRS_AT_ONCE = 8;
/** Partitions reconciled at a time. */
export const SYNCS_AT_ONCE = 4;
/** Between two attempts to reconcile a partition whose former replicas cannot be asked. */
export const SYNC_RETRY_MS = 150;
export const SYNC_RETRY_MAX_MS = 5_000;
/** How often upkeep checks whether a task is due. */
export const UPKEEP_TICK_MS = 1_000;
/** How often a node checks a partition's copies elsewhere: half of the time in which a fallback replica must exist. */
export const REVIEW_MS = 20_000;
/** Between two sweeps for what has expired. */
export const SWEEP_MS = 15_000;
/** Rows of one sweep at a time. */
export const SWEEP_ROWS = 256;

/** Blobs fetched at a time: four blocks each are in memory. */
export const BLOB_FETCHES = 12;
/** Limit for one peer among them, so that a slow one does not hold up the others. */
export const BLOB_FETCHES_PER_PEER = 4;
/** Blobs that wait to be fetched. */
export const BLOB_FETCHES_WAITING_MAX = 1024;
/** Limit for one peer among them: one that asks for more than it gives leaves capacity to the others. */
export const BLOB_FETCHES_WAITING_PER_PEER = 128;
/** After this a fetch yields its slot to waiting fetches and resumes later: well before the waiting ones time out. */
export const BLOB_FETCH_TURN_MS = 20_000;
/** Blocks read for peers at a time, some 2 MiB of memory each. */
export const BLOCKS_GIVEN_AT_ONCE = 16;
/** Peers asked for the blocks of one blob: its replicas, fallback replicas, and the peer that asked for it. */
export const BLOB_SOURCES_MAX = 64;
export const BLOB_STALL_MS = limit(
  'storage.blobStall',
  60_000,
  'milliseconds',
  'a fetch in which no block came for so long is given up',
);
/** After this a replica reports its progress with a blob: well below the timeout of a request. */
export const PREFETCH_ANSWER_MS = 2_000;
/** Delay before asking a replica again that refused or did not answer. */
export const PREFETCH_RETRY_MS = 250;
/** Replicas that are slower get so much longer than the others took, at most: then they need not make up for it. */
export const PREFETCH_GRACE_MS = 1_000;
/** How often a node looks for unreferenced and incomplete blobs. */
export const BLOB_SWEEP_MS = 30_000;
/** A reference is made before its record is written: collection ignores references younger than this. */
export const BLOB_REFERENCE_AGE_MS = 60_000;
/** References of one turn. */
export const BLOB_REFERENCES_PAGE = 256;
/** Blobs that are not whole and fetched again in one sweep. */
export const BLOB_REFETCHES = 64;

if (BLOB_FETCH_TURN_MS >= BLOB_STALL_MS) throw new Error('storage limits: who waits gets a turn in time');

/** For the info document. */
export const STORAGE_SERVICE_LIMITS: readonly Limit[] = published;
