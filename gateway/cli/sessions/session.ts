/** A session at a gateway as it is kept on disk. */
import { CodedError } from '../../../protocols/common/errors.ts';

const VERSION = 1;

/** The key of the user's own that signed in, and so may do it again; null where a browser's wallet did. */
export interface SessionKey {
  readonly name: string;
  /** Data directory of its keyring; null for the development key, which is kept elsewhere. */
  readonly data: string | null;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** When the access token ends, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface StoredSession extends Tokens {
  /** Origin of the gateway. */
  readonly gateway: string;
  /** Address. */
  readonly wallet: string;
  readonly namespace: string;
  /** The signer of what is done with it, as the gateway reports. */
  readonly custody: string;
  readonly key: SessionKey | null;
  readonly signedInAt: number;
}

const TEXTS = ['gateway', 'wallet', 'namespace', 'custody', 'accessToken', 'refreshToken'] as const;
const TIMES = ['expiresAt', 'signedInAt'] as const;

export function encodeSession(session: StoredSession): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...session })}\n`);
}

/** Throws `bad_session_file` or `session_version`; neither holds anything of the file. */
export function decodeSession(bytes: Uint8Array): StoredSession {
  const value = parse(bytes);
  if (typeof value?.['version'] === 'number' && value['version'] !== VERSION) {
    const message = `it is of version ${value['version']}, which is not known to this program`;
    throw new CodedError('session_version', message);
  }
  const isWhole =
    value?.['version'] === VERSION &&
    TEXTS.every((name) => typeof value[name] === 'string') &&
    TIMES.every((name) => Number.isSafeInteger(value[name])) &&
    isKey(value['key']);
  if (!isWhole) throw new CodedError('bad_session_file', 'it is damaged, or holds no session');
  const { version: _version, ...session } = value;
  return session as unknown as StoredSession;
}

type Fields = Record<string, unknown>;

function parse(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isFields(value) ? value : null;
  } catch {
    // what went wrong may quote the file
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKey(value: unknown): boolean {
  if (value === null) return true;
  return (
    isFields(value) &&
    typeof value['name'] === 'string' &&
    (value['data'] === null || typeof value['data'] === 'string')
  );
}
