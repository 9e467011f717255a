/** The credential that the user has at a gateway. */
import { CodedError } from '../../../protocols/common/errors.ts';
import { NAMESPACE_PATTERN } from '../../../protocols/common/names.ts';
import { DEFAULT_NAMESPACE } from '../../client/index.ts';
import { readSecretFile } from '../../core/secret-file.ts';
import { sessionsDirectory } from '../core/place.ts';
import { type Choice, chooseSession } from './choose.ts';
import { isFresh, renewSession } from './renew.ts';
import type { StoredSession } from './session.ts';
import { SessionStore } from './store.ts';

export interface Credential {
  /** The default where a command names no namespace. */
  readonly namespace: string;
  /** Headers of a request that is sent now. */
  headers(): Readonly<Record<string, string>>;
  /** Whether there are other ones than `refused`, with which to try once more. */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>;
}

export interface Wanted extends Choice {
  readonly gateway: string;
  /** Data directory of the keyring in which `as` may be a key. */
  readonly data?: string | undefined;
  /** Whether what is sent is signed here: a session whose custody is the gateway's is no use then. */
  readonly isSigned?: boolean;
}

const API_KEY = /^ak_[A-Za-z0-9_-]{1,256}:([a-z0-9-]{1,64})$/;

/** The API key in a file of mode 0600. Throws `bad_api_key_file`. */
export function apiKeyCredential(file: string): Credential {
  const text = readSecretFile(file, { setting: 'MAILLON_API_KEY_FILE', code: 'bad_api_key_file' });
  const [, namespace] = API_KEY.exec(text ?? '') ?? [];
  if (text === null || namespace === undefined) {
    const why = text === null ? 'there is no such file' : 'it holds no API key (ak_…:namespace)';
    throw new CodedError('bad_api_key_file', `MAILLON_API_KEY_FILE ${file}: ${why}`);
  }
  return { namespace, headers: () => ({ authorization: `ApiKey ${text}` }), renew: async () => false };
}

/**
 * The credential of the chosen session, renewed when it is about to end; null without a usable session. Throws
 * `no_session`.
 */
export async function sessionCredential(wanted: Wanted): Promise<Credential | null> {
  const store = new SessionStore({ directory: sessionsDirectory() });
  const found = chooseSession(store.at(wanted.gateway), wanted) ?? (await signInAs(store, wanted));
  if (found === null) return null;
  if (wanted.isSigned === true && wanted.as === undefined && found.custody === 'gateway') return null;
  let session = isFresh(found) ? found : await renewSession(store, found, null);
  const bearer = () => `Bearer ${session.accessToken}`;
  return {
    namespace: session.namespace,
    headers: () => ({ authorization: bearer() }),
    renew: async ({ authorization }) => {
      if (authorization !== bearer()) return true;
      session = await renewSession(store, session, session.accessToken);
      return true;
    },
  };
}

/** `--as` may name a key that has not signed in here yet. */
async function signInAs(store: SessionStore, wanted: Wanted): Promise<StoredSession | null> {
  const { as, gateway, namespace, data } = wanted;
  if (as === undefined) return null;
  if (!/^[a-z0-9-]{1,64}$/.test(as)) throw noSession(wanted);
  const { signInWithKey } = await import('./sign-in.ts');
  const isPlain = namespace !== undefined && NAMESPACE_PATTERN.test(namespace);
  const key = data === undefined ? { key: as } : { key: as, data };
  try {
    const session = await signInWithKey({ gateway, key, namespace: isPlain ? namespace : DEFAULT_NAMESPACE });
    await store.holding(gateway, ({ save }) => save(session));
    return session;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'no_such_key') throw noSession(wanted);
    throw error;
  }
}

function noSession({ as, gateway }: Wanted): CodedError {
  const message = `there is no session of ${as} at ${gateway}, and no key of that name`;
  return new CodedError('no_session', message);
}
