/** Bounds of what the command line keeps and waits for when it signs in; each with its reason. */

/** Tokens and names come to 2 kB. */
export const SESSION_FILE_MAX_BYTES = 16 * 1024;
/** Wallets and namespaces of one person at one gateway. A list reads them all. */
export const SESSIONS_PER_GATEWAY_MAX = 100;
/** Gateways of one person. */
export const GATEWAYS_MAX = 100;
/** A token with less left is renewed before it is used: clocks differ, and a request takes its time. */
export const RENEW_BEFORE_MS = 60_000;
/** A gateway that takes longer to answer a sign-in counts as gone: whoever waits for the lock waits for this. */
export const AUTH_TIMEOUT_MS = 10_000;
/** The lock's holder sends the gateway up to four requests: refresh, challenge, verify, whoami. */
export const LOCK_TIMEOUT_MS = 4 * AUTH_TIMEOUT_MS + 5000;
export const LOCK_POLL_MS = 25;
/** A nonce of the gateway lives as long: afterwards the page in the browser is of no use. */
export const BROWSER_TIMEOUT_MS = 5 * 60_000;
/** A browser that does not ask for the last page by then has no need of it. */
export const DONE_TIMEOUT_MS = 2000;
/** Requests on the port that the browser comes back to: a page, its icon, and somebody who guesses. */
export const CALLBACK_REQUESTS_MAX = 100;
/** Longer than the tokens of a session in a query. */
export const CALLBACK_URL_MAX_LENGTH = 8192;
