/** Signing in with a key of the user's own: what opens it loads the settings, so this is loaded when it is needed. */
import { base58btc } from 'multiformats/bases/base58';
import { systemClock } from '../../../protocols/common/clock.ts';
import { decodeMultikey } from '../../../protocols/common/did-key.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { isLoopback } from '../../protection/guard.ts';
import { type KeyOptions, openKey } from '../signing/key.ts';
import { AuthApi, tokensOf } from './auth-api.ts';
import type { StoredSession } from './session.ts';

export interface SignIn {
  readonly gateway: string;
  readonly namespace: string;
  readonly key: KeyOptions;
}

/**
 * Signs a nonce with the key that the options name. An Ed25519 key is a wallet of the Solana kind, whose address is the key
 * itself. (Delegating to a session key instead, with a sign-in message, is another way to a `StoredSession`, beside this one.)
 */
export async function signInWithKey({ gateway, namespace, key }: SignIn): Promise<StoredSession> {
  // the owner's key may do everything in the operator's namespaces: it signs for a gateway elsewhere only where somebody said so
  if (key.key === undefined && !isLoopback(new URL(gateway).hostname)) throw ownerKeyNotNamed(gateway);
  const { opened, data } = await openKey(key);
  const wallet = base58btc.baseEncode(decodeMultikey(opened.multikey));
  const api = new AuthApi({ gateway });
  const nonce = await api.challenge(wallet, namespace);
  const signature = Buffer.from(await opened.signer.sign(Buffer.from(nonce))).toString('base64');
  const answer = await api.verify({ wallet, nonce, signature, namespace });
  const from = key.key === undefined ? { name: opened.name, data: null } : { name: opened.name, data };
  return sessionFrom(gateway, answer, from);
}

function ownerKeyNotNamed(gateway: string): CodedError {
  const what = "which is not on this machine, the development owner's key does not sign in by itself";
  const instead = 'name a key with --key (maillon keys list), or use --browser';
  return new CodedError('key_not_named', `at ${gateway}, ${what}: ${instead}`);
}

/** The session that an answer of the gateway begins, once the gateway has said whose it is. */
export async function sessionFrom(
  gateway: string,
  answer: Parameters<typeof tokensOf>[0],
  key: StoredSession['key'],
): Promise<StoredSession> {
  const now = systemClock.now();
  const tokens = tokensOf(answer, now);
  const who = await new AuthApi({ gateway }).whoami({ authorization: `Bearer ${tokens.accessToken}` });
  return {
    gateway,
    wallet: who.subject ?? answer.subject,
    namespace: who.namespace,
    custody: who.custody ?? 'gateway',
    key,
    ...tokens,
    signedInAt: now,
  };
}
