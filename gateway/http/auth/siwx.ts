/** Signing in with a message (CAIP-122) by which the wallet delegates, beside the bare nonce of DeBros clients. */
import type { z } from 'zod';
import { type AskedSignIn, onChain, SIGN_IN_ACTIONS } from '../../auth/siwx.ts';
import { parseWallet } from '../../auth/wallets.ts';
import { isoTime } from '../core/go-time.ts';
import type { AuthContext } from './context.ts';
import type { challengeAnswer, challengeBody } from './schemas.ts';

/** The sign-in request to a wallet that is to delegate. */
export function askSignIn(
  { auth }: Pick<AuthContext, 'auth'>,
  body: z.output<typeof challengeBody>,
  host: string,
): z.output<typeof challengeAnswer> {
  const { wallet: address, namespace, purpose, chain_id: chainId, expires_in: seconds } = body;
  const actions: ReadonlySet<string> = new Set(body.actions ?? SIGN_IN_ACTIONS);
  const wallet = onChain(parseWallet(address), chainId ?? undefined);
  const asked: AskedSignIn = auth.signIns.ask({
    wallet,
    namespace,
    host,
    audience: body.audience ?? undefined,
    actions: SIGN_IN_ACTIONS.filter((one) => actions.has(one)),
    statement: body.statement ?? undefined,
    ttlMs: seconds === undefined || seconds === null ? undefined : seconds * 1000,
  });
  const { nonce, message, audience, resources, endsAt } = asked;
  return {
    wallet: address,
    namespace,
    nonce,
    purpose: purpose ?? '',
    expires_at: isoTime(endsAt),
    message,
    audience,
    resources: [...resources],
  };
}
