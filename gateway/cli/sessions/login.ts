import { CodedError } from '../../../protocols/common/errors.ts';
import { NAMESPACE_PATTERN } from '../../../protocols/common/names.ts';
import { DEFAULT_NAMESPACE } from '../../client/index.ts';
import { isLoopback } from '../../protection/guard.ts';
import { UsageError } from '../core/errors.ts';
import { sessionsDirectory } from '../core/place.ts';
import { note, say, sayJson } from '../core/terminal.ts';
import type { KeyOptions } from '../signing/key.ts';
import { AuthApi } from './auth-api.ts';
import { openInBrowser, signInWithBrowser } from './browser.ts';
import { gatewayOf } from './remote.ts';
import type { StoredSession } from './session.ts';
import { signInWithKey } from './sign-in.ts';
import { SessionStore } from './store.ts';
import { describeSession, withoutSecrets } from './view.ts';

export interface LoginOptions extends KeyOptions {
  readonly url?: string;
  readonly json?: boolean;
  readonly namespace?: string;
  readonly browser?: boolean;
}

/** Begins a session and makes it the current one of its gateway. */
export async function login(options: LoginOptions): Promise<void> {
  const { namespace = DEFAULT_NAMESPACE } = options;
  const gateway = gatewayOf(options.url);
  if (!NAMESPACE_PATTERN.test(namespace)) throw new UsageError('--namespace must match [a-z0-9-]{1,64}');
  const { protocol, hostname } = new URL(gateway);
  if (protocol === 'http:' && !isLoopback(hostname)) {
    note(`${gateway} is not encrypted: whoever carries the traffic can take over the session; use https`);
  }
  const session = options.browser
    ? await signInWithBrowser({ gateway, namespace, show: showPage })
    : await signInWithKey({ gateway, namespace, key: options });
  await keep(session);
  if (options.json) sayJson(withoutSecrets(session));
  else say(describeSession(session));
}

function showPage(url: string): void {
  note(`Sign in with the wallet of a browser on this machine:\n${url}`);
  openInBrowser(url);
}

async function keep(session: StoredSession): Promise<void> {
  const store = new SessionStore({ directory: sessionsDirectory() });
  await store.holding(session.gateway, async (held) => {
    const before = earlier(store, session);
    held.save(session);
    held.choose(session);
    // nobody has it any more: it ends at the gateway, too, or else by itself
    if (before !== null) {
      await new AuthApi({ gateway: session.gateway }).logout(before.refreshToken).catch(() => undefined);
    }
  });
}

/** The session in whose place this one comes; null for none, also where its file cannot be read. */
function earlier(store: SessionStore, session: StoredSession): StoredSession | null {
  try {
    return store.find(session);
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}
