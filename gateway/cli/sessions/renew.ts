import { systemClock } from '../../../protocols/common/clock.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { ClientError } from '../../client/index.ts';
import { AuthApi, tokensOf } from './auth-api.ts';
import { RENEW_BEFORE_MS } from './limits.ts';
import type { StoredSession } from './session.ts';
import type { HeldSessions, SessionStore } from './store.ts';

/** Whether its access token is good for a request that is sent now. */
export function isFresh({ expiresAt }: StoredSession): boolean {
  return expiresAt - RENEW_BEFORE_MS > systemClock.now();
}

/**
 * The session with an access token other than `refused`. If several commands want it at once, one asks the gateway: a refresh
 * token is good once, and a second use would end the session. Where it has ended the key that signed in does so again, if it
 * opens without a question or on a terminal. Throws `ClientError`: `unauthenticated` where all of that is of no use.
 */
export function renewSession(
  store: SessionStore,
  session: StoredSession,
  refused: string | null,
): Promise<StoredSession> {
  return store.holding(session.gateway, async (held) => {
    const now = store.find(session);
    // logged out by another command
    if (now === null) throw ended(session, 'it was ended here');
    const isRenewed = refused === null ? isFresh(now) : now.accessToken !== refused;
    return isRenewed ? now : replace(held, now);
  });
}

async function replace(held: HeldSessions, session: StoredSession): Promise<StoredSession> {
  try {
    const answer = await new AuthApi({ gateway: session.gateway }).refresh(session.refreshToken);
    const renewed = { ...session, ...tokensOf(answer, systemClock.now()) };
    held.save(renewed);
    return renewed;
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'unauthenticated') throw error;
    const again = await signInAgain(session);
    held.save(again);
    return again;
  }
}

/** Uses the same key, for the same namespace. */
async function signInAgain(session: StoredSession): Promise<StoredSession> {
  const { key, gateway, namespace } = session;
  if (key === null) throw ended(session, "a browser's wallet signed in");
  try {
    const { signInWithKey } = await import('./sign-in.ts');
    const options = key.data === null ? {} : { key: key.name, data: key.data };
    const again = await signInWithKey({ gateway, namespace, key: options });
    if (again.wallet === session.wallet) return again;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'unreachable') throw error;
    // a gateway that is not to be trusted is not one whose session has ended
    if (error instanceof CodedError && error.code === 'bad_challenge') throw error;
    throw ended(session, errorMessage(error));
  }
  throw ended(session, `${key.name} is another key by now`);
}

function ended({ wallet }: StoredSession, why: string): ClientError {
  return new ClientError('unauthenticated', 401, `the session of ${wallet} has ended (${why})`);
}
