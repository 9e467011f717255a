import { CHAIN_MAX_BYTES } from '../common/chain.ts';
import { ED25519_MULTIKEY_BYTES } from '../common/did-key.ts';
import { type Limit, limitsIn } from '../common/limits.ts';
import { NODE_ADDRESS_MAX_BYTES } from '../common/node-address.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Stream protocol by which an invite is redeemed and a member's delegation is renewed. */
export const JOIN_PROTOCOL = '/maillon/join/1';

/** Roles of a joining machine: a full node, a light gateway, or a command line that runs no node. */
export const MEMBER_ROLES = ['node', 'gateway', 'member'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** First item of every invite. */
export const INVITE_VERSION = 1;
/** Prefix of every invite's text: it tells people and secret scanners that this is an invite. */
export const INVITE_PREFIX = 'maillon_invite_';
/** Bytes of SHA-256 at the end of an invite's text: an invite that was not copied whole is told from a wrong one. */
export const CHECKSUM_BYTES = 4;
/** An id is shown and typed; it grants nothing by itself. */
export const INVITE_ID_BYTES = 8;
/** Nobody guesses 256 bits. */
export const SECRET_BYTES = 32;
/** Domain of the hash of a secret. */
export const SECRET_DOMAIN = 'maillon/invite-secret/1';
/** A pre-shared key of a private network. */
export const NETWORK_KEY_BYTES = 32;
export const KEY_BYTES = ED25519_MULTIKEY_BYTES;
export const ADDRESSES_MAX = limit(
  'join.addresses',
  16,
  'count',
  'addresses of the issuer, or of nodes to join through',
);
export const MEMBER_NAME_MAX_LENGTH = limit(
  'join.nameLength',
  64,
  'count',
  'characters of the name that a machine gives itself: a host name',
);

/** Every field at its largest; usual invites are some 300 bytes. */
export const INVITE_MAX_BYTES = 10 * 1024;
/** The same as text: a prefix, and four characters for three bytes. */
export const INVITE_TEXT_MAX_LENGTH = 14 * 1024;

/** Version of the frames of the stream protocol, the first item of each. */
export const FRAME_VERSION = 1;
/** A request to renew holds a chain. */
export const REQUEST_MAX_BYTES = 5 * 1024;
/** A chain and addresses. */
export const ANSWER_MAX_BYTES = 10 * 1024;
/** How long a request may take, from opening the stream to the answer's last byte: the issuer syncs its disk meanwhile. */
export const REQUEST_TIMEOUT_MS = 15_000;
export const REQUESTS_PER_SECOND = limit(
  'join.requestsPerSecond',
  0.1,
  'per second',
  'requests that one peer may make over longer times: a machine joins once and renews once a month',
);
/** The same at once: a user who tries again. */
export const REQUESTS_BURST = limit(
  'join.requestsBurst',
  10,
  'count',
  'requests of one peer at once: a user who tries again',
);
/** Requests of all peers together: each that is right costs a disk sync and a signature. */
export const REQUESTS_TOTAL_PER_SECOND = 5;
export const REQUESTS_TOTAL_BURST = 50;
/** Peers whose requests are counted. */
export const PEERS_MAX = 1024;

/** For the info document. */
export const JOIN_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`join limits: ${relation}`);
}
/** Heads and short fields of a frame or an invite. */
const OVERHEAD_BYTES = 512;
const ADDRESSES_MAX_BYTES = ADDRESSES_MAX * (NODE_ADDRESS_MAX_BYTES + KEY_BYTES + 8);
assertRelation(
  REQUEST_MAX_BYTES >= CHAIN_MAX_BYTES + OVERHEAD_BYTES,
  'a chain at its largest can be renewed',
);
assertRelation(
  Math.min(INVITE_MAX_BYTES, ANSWER_MAX_BYTES) >= CHAIN_MAX_BYTES + ADDRESSES_MAX_BYTES + OVERHEAD_BYTES,
  'a chain and all addresses at their largest fit',
);
assertRelation(
  INVITE_TEXT_MAX_LENGTH >= INVITE_PREFIX.length + Math.ceil(((INVITE_MAX_BYTES + CHECKSUM_BYTES) * 4) / 3),
  'an invite at its largest fits into its text',
);
