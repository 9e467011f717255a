import { CodedError, type ErrorDetail } from '../../protocols/common/errors.ts';

/** One row of the published table of errors. */
export interface ErrorKind {
  /** HTTP status; null for a code that only streams (WebSocket, SSE) carry. */
  readonly status: number | null;
  readonly meaning: string;
  /** Seconds after which trying again is reasonable. */
  readonly retryAfter?: number;
}

/** Every code a client can get, over HTTP, WebSocket or SSE. A code that is not here is never sent. */
export const ERRORS = {
  bad_request: { status: 400, meaning: 'the request is malformed; error says where' },
  bad_json: { status: 400, meaning: 'the body is not JSON in UTF-8' },
  unknown_field: { status: 400, meaning: 'a field or a query parameter is not known here; it is named' },
  bad_base64: { status: 400, meaning: 'not strict base64 of RFC 4648 section 4, with padding' },
  bad_topic: { status: 400, meaning: 'topic is missing, too long or has control characters' },
  bad_namespace: { status: 400, meaning: 'namespace does not match [a-z0-9-]{1,64}' },
  bad_owner: { status: 400, meaning: 'owner is not a DID' },
  bad_expiry: { status: 400, meaning: 'expiry is not a time in the future, in milliseconds' },
  bad_key: { status: 400, meaning: 'key or prefix is missing, too long, or not percent-encoded UTF-8' },
  bad_ttl: { status: 400, meaning: 'ttl is no number of seconds and no duration like 30m, or out of range' },
  bad_content_type: { status: 400, meaning: 'Content-Type is no media type of at most 255 ASCII characters' },
  bad_etag: { status: 400, meaning: 'If-Match or If-None-Match is no list of quoted entity tags' },
  bad_cursor: { status: 400, meaning: 'cursor is not one that this list returned' },
  bad_cid: { status: 400, meaning: 'cid is no CID of version 1 with sha2-256, in base32' },
  bad_upload: {
    status: 400,
    meaning: 'an Upload- header is missing or malformed, or contradicts what was said',
  },
  bad_limit: { status: 400, meaning: 'limit is not a whole number within its bounds' },
  bad_pattern: { status: 400, meaning: 'match is no regular expression of the kind that is searched here' },
  bad_clock: { status: 400, meaning: 'the clock of the node, or of who signed, is too far off: set it' },
  bad_envelope: {
    status: 400,
    meaning: 'the bytes are no signed envelope that can be taken; error says why',
  },
  bad_record: { status: 400, meaning: 'the bytes are no signed record that can be taken; error says why' },
  bad_notice: {
    status: 400,
    meaning: 'the bytes are no policy or revocation that can be taken; error says why',
  },
  bad_idempotency_key: { status: 400, meaning: 'Idempotency-Key is not 1 to 128 visible ASCII characters' },
  bad_handshake: { status: 400, meaning: 'not a WebSocket handshake of RFC 6455' },
  bad_member: { status: 400, meaning: 'member_id or member_meta is missing, too large or malformed' },
  bad_wallet: { status: 400, meaning: 'wallet is no address of an EVM chain, Bitcoin (segwit) or Solana' },
  bad_nonce: {
    status: 400,
    meaning: 'nonce is none for this wallet and namespace, or it was used or has ended: ask for another',
  },
  bad_message: {
    status: 400,
    meaning: 'the sign-in message is none that was asked for here; error says why: ask for another',
  },
  bad_signature: { status: 400, meaning: "signature does not have the form of the wallet's chain" },
  bad_archive: { status: 400, meaning: 'the body is no whole archive' },
  bad_directory: { status: 400, meaning: 'no absolute path of a directory' },
  bad_address: { status: 400, meaning: 'no multiaddr that ends in /p2p/<peer id>, or no peer id' },
  bad_lifetime: { status: 400, meaning: 'an invite can be used for one minute to thirty days' },
  bad_feature: { status: 400, meaning: 'the module is no feature; error says what is missing' },
  bad_config: { status: 400, meaning: 'a setting is not known, or does not have a value that it may have' },
  bad_callback: { status: 400, meaning: 'the callback is not in gateway.loginCallbacks' },
  bad_frame: { status: null, meaning: 'a WebSocket frame is malformed or of an unknown type' },
  unauthenticated: { status: 401, meaning: 'the request names nobody who may do this' },
  namespace_mismatch: { status: 403, meaning: 'the request names two different namespaces' },
  forbidden: { status: 403, meaning: "the namespace's holder has not granted this, or has revoked it" },
  foreign_origin: { status: 403, meaning: 'the page that asks is not allowed to use this gateway' },
  not_found: { status: 404, meaning: 'no such route, upload or blob, or no value under that key' },
  feature_not_loaded: { status: 404, meaning: 'no feature of that name was loaded from a path' },
  no_such_member: { status: 404, meaning: 'there is no such invite' },
  method_not_allowed: { status: 405, meaning: 'the route has other methods; Allow lists them' },
  not_acceptable: {
    status: 406,
    meaning: 'the answer cannot be given in the form that Accept or format asks for',
  },
  request_timeout: { status: 408, meaning: 'the request did not arrive in time' },
  duplicate: { status: 409, meaning: 'the very same envelope was published before' },
  policy_conflict: { status: 409, meaning: 'the policy does not follow the latest one known here' },
  busy: { status: 409, meaning: 'the same is under way already, or what excludes it: try again later' },
  held_elsewhere: {
    status: 409,
    meaning: "the machine was invited: this takes the owner's key, at the machine that holds it",
  },
  too_many_invites: { status: 409, meaning: 'there are as many open invites or machines as there may be' },
  not_listening: { status: 409, meaning: 'the node listens at no address that an invite could name' },
  not_empty: { status: 409, meaning: 'the directory is not empty: name another one' },
  other_node: { status: 409, meaning: 'the directory, or the listener, is of another node; error names it' },
  feature_off: {
    status: 501,
    meaning: 'a feature that this takes is off at the node; error says how to turn it on',
  },
  feature_exists: { status: 409, meaning: 'a feature of that name is there already' },
  feature_needed: { status: 409, meaning: 'another feature needs it: unload that one first' },
  nothing_kept: { status: 409, meaning: 'the node keeps nothing: ask one that does' },
  exists: { status: 409, meaning: 'the key has a value already, and it is another one' },
  idempotency_conflict: { status: 409, meaning: 'the Idempotency-Key was used for another request' },
  upload_offset: { status: 409, meaning: 'the upload goes on elsewhere: Upload-Offset and detail say where' },
  upload_incomplete: { status: 409, meaning: 'the upload is not complete yet' },
  upload_complete: { status: 409, meaning: 'the upload is complete: nothing can be added to it' },
  precondition_failed: {
    status: 412,
    meaning: 'the value is not the one If-Match or If-None-Match asks for',
  },
  too_large: { status: 413, meaning: 'the body, message or answer exceeds its limit' },
  unsupported_media_type: { status: 415, meaning: 'the body is of a type that the route does not take' },
  bad_range: {
    status: 416,
    meaning: 'the range begins behind the end; Content-Range says how long the value is',
  },
  foreign_host: { status: 421, meaning: 'the Host header does not name this gateway' },
  upgrade_required: { status: 426, meaning: 'the route speaks WebSocket only' },
  headers_too_large: { status: 431, meaning: 'URL and headers exceed their limit' },
  rate_limited: {
    status: 429,
    meaning: 'too many requests; detail says of which limit, and retryAfter when there is room again',
    retryAfter: 1,
  },
  dial_failed: { status: 500, meaning: 'the peer did not answer at that address' },
  bad_invites: { status: 500, meaning: "the node's file of invites cannot be read; error says what to do" },
  internal: { status: 500, meaning: 'a fault of the gateway; its log has more' },
  bad_backup: { status: 500, meaning: 'a backup is not as it was written; error names the file' },
  corrupt: { status: 502, meaning: 'every copy that could be read is damaged' },
  blob_unavailable: {
    status: 503,
    meaning: 'parts of the value are with nobody who can be asked now',
    retryAfter: 5,
  },
  insufficient_replicas: {
    status: 503,
    meaning: 'too few replicas can be asked; detail says how many there are',
    retryAfter: 5,
  },
  outcome_unknown: {
    status: 503,
    meaning: 'the write may have happened or not: read before trying again',
    retryAfter: 5,
  },
  state_unavailable: {
    status: 503,
    meaning: 'what the gateway keeps of sign-ins cannot be read or written now',
    retryAfter: 2,
  },
  state_version: { status: 503, meaning: 'what the gateway keeps was made by a newer version of it' },
  list_incomplete: { status: 503, meaning: 'a part of the list cannot be read now', retryAfter: 5 },
  no_peers: { status: 503, meaning: 'this light gateway reaches no peer now', retryAfter: 2 },
  not_running: { status: 503, meaning: 'the node behind this gateway is not running', retryAfter: 2 },
  stopping: { status: 503, meaning: 'the node behind this gateway is stopping', retryAfter: 5 },
  overloaded: { status: 503, meaning: 'too much waits here already', retryAfter: 1 },
  too_many_clients: { status: 503, meaning: 'every place for a streaming client is taken', retryAfter: 5 },
  over_quota: {
    status: 507,
    meaning: 'the namespace has too little left; detail says how much: delete something first',
  },
  too_many_apps: { status: 409, meaning: 'the wallet has as many apps or API keys as it may: delete one' },
  no_room: {
    status: 507,
    meaning: 'the node, its replicas or the disk of a backup have too little room left; detail says how much',
  },
  going_away: { status: 503, meaning: 'the gateway is stopping', retryAfter: 5 },
  too_many_topics: { status: null, meaning: 'the connection is subscribed to as many topics as it may be' },
  too_slow: { status: null, meaning: 'the client read too slowly and was cut' },
  no_history: { status: null, meaning: 'what was sent before this moment is not kept here' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;
/** Codes of a feature, beside those. */
export type ErrorTable = Readonly<Record<string, ErrorKind>>;

/** How a WebSocket is closed, and what a client may make of it. */
export const CLOSE_CODES = {
  1001: 'the peer stopped answering pings',
  1007: 'a text frame is not UTF-8',
  1008: 'policy: the connection did what it may not do',
  1009: 'a message exceeds its limit',
  1011: 'a fault of the gateway; its log has more',
  1013: 'every place is taken; try again later',
  4001: 'authentication failed or ended',
  4003: 'forbidden',
  4008: 'the client read too slowly; messages after the last one received were not sent',
  4009: 'going away for a restart; connect again',
} as const satisfies Record<number, string>;

export type CloseCode = keyof typeof CLOSE_CODES;

/** An error a client may see. */
export class GatewayError extends CodedError {
  declare readonly code: ErrorCode;
  /** Seconds after which trying again is reasonable, where it is not what the table says. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, detail?: ErrorDetail, retryAfter?: number) {
    super(code, message, detail);
    this.retryAfter = retryAfter;
  }
}

/** The part of an error that a client sees: the body over HTTP, part of the frame on a stream. */
export interface ErrorBody {
  error: string;
  code: string;
  detail?: ErrorDetail;
  retryAfter?: number;
}

/** The safe part of whatever was thrown: a code outside the tables becomes `internal` and loses its text. */
export function errorBody(thrown: unknown, table: ErrorTable = ERRORS): ErrorBody {
  const kind = thrown instanceof CodedError ? kindOf(thrown.code, table) : undefined;
  if (!(thrown instanceof CodedError) || kind === undefined) {
    return { error: ERRORS.internal.meaning, code: 'internal' };
  }
  const retryAfter = (thrown instanceof GatewayError ? thrown.retryAfter : undefined) ?? kind.retryAfter;
  return {
    error: thrown.message,
    code: thrown.code,
    ...(thrown.detail === undefined ? {} : { detail: thrown.detail }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** The HTTP status of a code; a stream-only one that ends up in a response is a bad request. */
export function errorStatus(code: string, table: ErrorTable = ERRORS): number {
  return kindOf(code, table)?.status ?? 400;
}

function kindOf(code: string, table: ErrorTable): ErrorKind | undefined {
  return [table, ERRORS as ErrorTable].find((one) => Object.hasOwn(one, code))?.[code];
}
