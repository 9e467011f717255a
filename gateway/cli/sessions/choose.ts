import { CodedError } from '../../../protocols/common/errors.ts';
import type { StoredSession } from './session.ts';
import type { Kept } from './store.ts';

export interface Choice {
  /** Wallet, or name of the key that signed in. */
  readonly as?: string;
  readonly namespace?: string;
}

/**
 * The session that is meant: of the wallet or key that is named, else of the current one's wallet; of these the one for
 * the namespace, else the current one, else the latest. Null without any session.
 */
export function chooseSession({ sessions, current }: Kept, { as, namespace }: Choice): StoredSession | null {
  const latestFirst = sessions.toSorted((a, b) => b.signedInAt - a.signedInAt);
  const of = (wallet: string | undefined) => latestFirst.filter((one) => one.wallet === wallet);
  const named = latestFirst.filter(({ wallet, key }) => wallet === as || key?.name === as);
  const wallets = new Set(named.map(({ wallet }) => wallet));
  if (wallets.size > 1) {
    throw new CodedError('bad_usage', `--as ${as} may be any of ${[...wallets].join(', ')}: name the wallet`);
  }
  const main = as === undefined ? (current ?? latestFirst[0]) : named[0];
  const candidates = as === undefined ? of(main?.wallet) : named;
  const isCurrent = (one: StoredSession) =>
    one.wallet === current?.wallet && one.namespace === current.namespace;
  return candidates.find((one) => one.namespace === namespace) ?? candidates.find(isCurrent) ?? main ?? null;
}
