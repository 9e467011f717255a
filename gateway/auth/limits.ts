import { type Limit, limitsIn } from '../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const NONCE_TTL_MS = limit(
  'auth.nonceTtl',
  5 * MINUTE_MS,
  'milliseconds',
  'time to sign a nonce, once: people look for their wallet',
);
export const ACCESS_TOKEN_TTL_MS = limit(
  'auth.accessTokenTtl',
  15 * MINUTE_MS,
  'milliseconds',
  'how long an access token is good; then the client refreshes it',
);
export const SESSION_TTL_MS = limit(
  'auth.sessionTtl',
  30 * DAY_MS,
  'milliseconds',
  'how long a session lasts that is not used; then its wallet signs in again',
);
export const DELEGATION_TTL_MS = limit(
  'auth.delegationTtl',
  DAY_MS,
  'milliseconds',
  'what a wallet delegates in a sign-in message, unless it is asked for another time: a day’s work',
);
/** The same at most: a session that is in use may go on that long. */
export const DELEGATION_TTL_MAX_MS = limit(
  'auth.delegationTtlMax',
  SESSION_TTL_MS,
  'milliseconds',
  'then the wallet signs in again',
);
/** Between the clocks of gateways of one operator. */
export const CLOCK_SKEW_MS = MINUTE_MS;
/** After this a new key signs. */
export const SIGNING_KEY_ROTATION_MS = limit(
  'auth.signingKeyRotation',
  30 * DAY_MS,
  'milliseconds',
  'then a new key signs',
);
/** A key is published longer than it signs: its last tokens have to end, and caches of the key set. */
export const SIGNING_KEY_OVERLAP_MS = DAY_MS;
/** How often signing keys of other gateways are looked for because time went by. */
export const SIGNING_KEYS_REFRESH_MS = MINUTE_MS;
/** The same because tokens name one that is not known; whoever brings such a token waits for it. */
export const SIGNING_KEYS_RETRY_MS = 250;
/** Signing keys that are read: two gateways that began together and a rotation are four. */
export const SIGNING_KEYS_MAX = 16;
export const STANDING_TTL_MS = limit(
  'auth.standingTtl',
  5 * SECOND_MS,
  'milliseconds',
  'how late another gateway learns of a logout or of a key that was revoked',
);
/** How long a credential is remembered as good without asking: a stream that it opens then is asked about in time, too. */
export const REMEMBERED_MS = 2_500;
/** How often a gateway asks whether what its streams were opened with is good still: with the answer they end within STANDING_TTL_MS. */
export const STANDING_CHECK_MS = 2 * SECOND_MS;
/** Sessions and API keys in one such question; SQLite takes 32 766 arguments, and others want to ask in between. */
export const STANDING_BATCH = 500;
/** Wallets of which it is remembered that they were promised room. */
export const PROMISED_REMEMBERED_MAX = 16_384;
export const TICKET_TTL_MS = limit(
  'auth.ticketTtl',
  30 * SECOND_MS,
  'milliseconds',
  'a client must open a stream with a ticket in that time, and once',
);
export const TICKETS_PER_WALLET_MAX = limit(
  'auth.ticketsPerWallet',
  64,
  'count',
  'tickets of one wallet that were not used: pages that it opens at once',
);
/** All of them together, some 500 bytes each. */
export const TICKETS_MAX = limit('auth.tickets', 20_000, 'count', 'of all wallets, some 500 bytes each');
/** Credentials that are remembered as good, some 500 bytes each. */
export const CREDENTIALS_MAX = 20_000;
export const SESSIONS_PER_WALLET_MAX = limit(
  'auth.sessionsPerWallet',
  100,
  'count',
  'sessions of one wallet: devices; the oldest ends for one more',
);
export const REFRESH_TOKENS_PER_SESSION_MAX = limit(
  'auth.refreshTokensPerSession',
  10_000,
  'count',
  'refresh tokens of one session, 30 days of one each five minutes; then its wallet signs in again',
);
export const REVOKED_KEY_KEPT_MS = limit(
  'auth.revokedKeyKept',
  DAY_MS,
  'milliseconds',
  'how long an API key with a name is kept after it was revoked: for whoever looks into what went wrong',
);
export const API_KEYS_PER_WALLET_MAX = limit(
  'auth.apiKeysPerWallet',
  100,
  'count',
  'API keys of one wallet in one namespace: each is a row',
);
export const APPS_PER_WALLET_MAX = limit(
  'auth.appsPerWallet',
  100,
  'count',
  'apps of one wallet in one namespace: each is a row',
);
/** How long a gateway that starts waits for a state that does not answer: then it serves what needs none. */
export const STATE_PATIENCE_MS = 2 * SECOND_MS;
/** How often what has ended is deleted. */
export const SWEEP_INTERVAL_MS = 5 * MINUTE_MS;
/** Sessions that ended which are deleted at once, before others get their turn. */
export const SWEEP_BATCH = 1_000;
/** Names of apps and keys. */
export const LABEL_MAX_LENGTH = 128;
export const AUTH_BODY_MAX_BYTES = limit(
  'auth.bodyBytes',
  16 * 1024,
  'bytes',
  'a body of a sign-in: the longest witness is far below',
);
/** A JWT of this gateway has some 500 characters. */
export const TOKEN_MAX_LENGTH = 4 * 1024;

/** For the info document. */
export const AUTH_LIMITS: readonly Limit[] = published;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`auth limits: ${relation}`);
}
assertRelation(
  SIGNING_KEY_OVERLAP_MS > ACCESS_TOKEN_TTL_MS + 2 * CLOCK_SKEW_MS + SIGNING_KEYS_REFRESH_MS,
  'a key outlives what it signed',
);
assertRelation(
  REMEMBERED_MS + STANDING_CHECK_MS < STANDING_TTL_MS,
  'what is remembered as good opens a stream that is asked about in time, with half a second to answer',
);
assertRelation(
  REFRESH_TOKENS_PER_SESSION_MAX * ACCESS_TOKEN_TTL_MS > 2 * SESSION_TTL_MS,
  'whoever refreshes when an access token ends, or twice as often, may go on',
);
assertRelation(STANDING_TTL_MS < ACCESS_TOKEN_TTL_MS, 'a revocation is learned of before a token ends');
