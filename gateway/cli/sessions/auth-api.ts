/** The routes by which one signs in at a gateway, as far as the command line uses them. */
import { CodedError } from '../../../protocols/common/errors.ts';
import { ClientError } from '../../client/index.ts';
import { call, urlOf } from '../../client/transport.ts';
import { AUTH_TIMEOUT_MS } from './limits.ts';
import type { Tokens } from './session.ts';

/**
 * 43 characters of base64url: whoever signs a text of this form signs nothing else by it. A key signs delegations, revocations,
 * policies, announcements, envelopes and records as a DAG-CBOR array of domain, swarm and digest, whose first byte, 0x83, is not
 * ASCII; a sign-in message has line ends and spaces, a token has dots, and a text that peers sign for each other begins with a
 * prefix that has a colon.
 */
const NONCE = /^[A-Za-z0-9_-]{43}$/;

/** The holder of a credential, as the gateway reports it. */
export interface WhoAnswer {
  readonly authenticated: boolean;
  readonly method: string;
  readonly namespace: string;
  readonly subject?: string;
  readonly custody?: string;
  /** Seconds since the Unix epoch. */
  readonly expires_at?: number;
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  /** Seconds. */
  readonly expires_in: number;
  readonly subject: string;
  readonly namespace: string;
}

/** A client of `gateway` for sign-ins; a sign-in is answered soon or never. */
export class AuthApi {
  readonly #gateway: string;

  constructor({ gateway }: { readonly gateway: string }) {
    this.#gateway = gateway;
  }

  /** A nonce to sign, and certainly nothing else. Throws `bad_challenge`. */
  async challenge(wallet: string, namespace: string): Promise<string> {
    const asked = { wallet, namespace, purpose: 'cli' };
    const { nonce } = await this.#post<{ nonce: unknown }>('challenge', asked);
    if (typeof nonce === 'string' && NONCE.test(nonce)) return nonce;
    const what = 'asks for a signature of what is no nonce: nothing was signed; do not trust it';
    throw new CodedError('bad_challenge', `the gateway at ${this.#gateway} ${what}`);
  }

  verify(proof: {
    readonly wallet: string;
    readonly nonce: string;
    readonly signature: string;
    readonly namespace: string;
  }): Promise<TokenAnswer> {
    return this.#post('verify', proof);
  }

  refresh(refreshToken: string): Promise<TokenAnswer> {
    return this.#post('refresh', { refresh_token: refreshToken });
  }

  /** Ends the session that the token belongs to. */
  async logout(refreshToken: string): Promise<void> {
    await this.#post('logout', { refresh_token: refreshToken });
  }

  /** Throws `bad_answer` for what another server than a gateway says. */
  async whoami(headers: Readonly<Record<string, string>>): Promise<WhoAnswer> {
    const answer = await this.#call<Partial<WhoAnswer>>('whoami', { headers });
    const { authenticated, method, namespace } = answer;
    if (authenticated !== true || typeof method !== 'string' || typeof namespace !== 'string') {
      throw new ClientError('bad_answer', 200, 'the server did not answer as a gateway does');
    }
    return { ...answer, authenticated, method, namespace };
  }

  #post<T>(route: string, body: object): Promise<T> {
    return this.#call(route, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  #call<T>(route: string, request: RequestInit): Promise<T> {
    const init = { url: this.#gateway, fetch: soon };
    return call<T>(init, urlOf(init, `/v1/auth/${route}`, {}), request);
  }
}

/** When an answer's tokens end, by this machine's clock. Throws `bad_answer` for what has no tokens. */
export function tokensOf(answer: TokenAnswer, now: number): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = answer;
  const isWhole =
    typeof accessToken === 'string' && typeof refreshToken === 'string' && Number.isSafeInteger(seconds);
  if (!isWhole) throw new ClientError('bad_answer', 200, 'the gateway answered a sign-in without tokens');
  return { accessToken, refreshToken, expiresAt: now + seconds * 1000 };
}

/** Nobody is redirected with a secret. */
const soon: typeof fetch = (input, init) =>
  fetch(input, { ...init, redirect: 'error', signal: AbortSignal.timeout(AUTH_TIMEOUT_MS) });
