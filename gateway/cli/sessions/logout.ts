import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { sessionsDirectory } from '../core/place.ts';
import { harmless, note, say, sayJson } from '../core/terminal.ts';
import { AuthApi } from './auth-api.ts';
import { type Choice, chooseSession } from './choose.ts';
import { gatewayOf } from './remote.ts';
import type { StoredSession } from './session.ts';
import { type Kept, SessionStore } from './store.ts';

export interface LogoutOptions extends Choice {
  readonly url?: string;
  readonly json?: boolean;
  /** Every session: of the gateway, where one is named, else of all. */
  readonly all?: boolean;
}

interface Ended {
  readonly gateway: string;
  readonly wallet: string;
  readonly namespace: string;
  /** Why the gateway was not told. */
  readonly problem?: string;
}

export async function logout(options: LogoutOptions, isGatewayNamed: boolean): Promise<void> {
  const store = new SessionStore({ directory: sessionsDirectory() });
  const gateway = gatewayOf(options.url);
  const kept = options.all === true && !isGatewayNamed ? store.list() : [store.at(gateway)];
  const sessions = kept.flatMap((one) => chosenOf(one, options));
  if (sessions.length === 0 && options.all !== true) {
    const who = options.as === undefined ? '' : ` of ${options.as}`;
    throw new CodedError('no_session', `there is no session${who} at ${gateway}`);
  }
  const ended: Ended[] = [];
  for (const session of sessions) ended.push(await end(store, session));
  if (options.all) for (const fault of kept.flatMap(({ faults }) => faults)) store.discard(fault);
  if (options.json) return sayJson({ ended });
  if (ended.length === 0) say('there was no session');
  for (const one of ended) tell(one);
}

function chosenOf(kept: Kept, { all, ...choice }: LogoutOptions): readonly StoredSession[] {
  if (all === true) return kept.sessions;
  const one = chooseSession(kept, choice);
  return one === null ? [] : [one];
}

/** Forgets the session here whatever the gateway says: what nobody has cannot be used. */
function end(store: SessionStore, session: StoredSession): Promise<Ended> {
  const { gateway, wallet, namespace } = session;
  return store.holding(gateway, async (held) => {
    // renewed meanwhile by another command
    const now = store.find(session) ?? session;
    held.remove(session);
    try {
      await new AuthApi({ gateway }).logout(now.refreshToken);
      return { gateway, wallet, namespace };
    } catch (error) {
      return { gateway, wallet, namespace, problem: errorMessage(error) };
    }
  });
}

function tell({ gateway, wallet, namespace, problem }: Ended): void {
  say(`signed out: ${wallet} in ${namespace} at ${gateway}`);
  if (problem === undefined) return;
  note(
    `the gateway could not be told (${harmless(problem)}): there the session lasts until it ends by itself`,
  );
}
