/** Who a request is by. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { GatewayError } from '../errors.ts';
import { type ApiKeys, SCOPES, type Scope } from './api-keys.ts';
import { custodyNamespace } from './custody.ts';
import { CREDENTIALS_MAX, REMEMBERED_MS } from './limits.ts';
import type { Sessions } from './sessions.ts';
import type { Claims, Tokens } from './tokens.ts';

/** Whoever acts in a namespace that is held for a wallet. */
export interface Holder {
  readonly did: string;
  /** The wallet's address. */
  readonly subject: string;
  /** As clients call it: the only one that this principal may name. */
  readonly namespace: string;
  /** As the gateway calls it. */
  readonly place: string;
  readonly scopes: readonly Scope[];
  /** What is signed in its namespace is signed by the gateway, on behalf of the namespace's operator. */
  readonly custody: 'gateway';
  /** When its right to act ends whatever else stands, in milliseconds since the Unix epoch. */
  readonly endsAt?: number;
}

export type Principal =
  /** Whoever asks without a credential on a gateway that only this machine reaches. */
  | { readonly kind: 'operator' }
  | (Holder & {
      readonly kind: 'session';
      readonly claims: Claims;
      /** Whether the wallet itself signed in, rather than an API key of its. */
      readonly isOfWallet: boolean;
    })
  | (Holder & { readonly kind: 'api_key'; readonly keyId: string });

export type HeldPrincipal = Exclude<Principal, { readonly kind: 'operator' }>;

export type Credential =
  | { readonly kind: 'jwt'; readonly text: string }
  | { readonly kind: 'api_key'; readonly text: string };

interface Known {
  readonly principal: HeldPrincipal;
  /** Until when nobody needs to ask whether it was revoked. */
  readonly until: number;
}

export interface AuthenticatorComponents {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  /** What the gateway calls a namespace of its operator. */
  readonly formatOwn: (namespace: string) => string;
}

/** Finds out who a credential stands for, and remembers it for as long as a revocation may take to be known. */
export class Authenticator {
  readonly #components: AuthenticatorComponents;
  /** By hash of the credential; the one that was looked at least recently is forgotten first. */
  readonly #known = new Map<string, Known>();

  constructor(components: AuthenticatorComponents) {
    this.#components = components;
  }

  /** Who the first credential that is good stands for. Throws `unauthenticated` when there are some and none is. */
  async identify(credentials: readonly Credential[]): Promise<HeldPrincipal | null> {
    for (const credential of credentials) {
      const principal = await this.#identify(credential);
      if (principal !== null) return principal;
    }
    if (credentials.length === 0) return null;
    const isToken = credentials[0]?.kind === 'jwt';
    throw new GatewayError('unauthenticated', isToken ? 'invalid or expired token' : 'invalid API key');
  }

  /** Looks again at whoever is of one wallet: what it revoked here is not good a moment longer. */
  forget(did: string): void {
    for (const [key, { principal }] of this.#known) if (principal.did === did) this.#known.delete(key);
  }

  async #identify({ kind, text }: Credential): Promise<HeldPrincipal | null> {
    const key = createHash('sha256').update(text).digest('base64url');
    const known = this.#known.get(key);
    const now = this.#components.clock.now();
    if (known !== undefined && known.until > now) return known.principal;
    this.#known.delete(key);
    const principal = await (kind === 'jwt' ? this.#ofToken(text) : this.#ofKey(text));
    if (principal === null) return null;
    this.#remember(key, { principal, until: Math.min(now + REMEMBERED_MS, principal.endsAt ?? Infinity) });
    return principal;
  }

  async #ofToken(text: string): Promise<HeldPrincipal | null> {
    const { tokens } = this.#components;
    const claims = await tokens.verify(text);
    const origin = claims === null ? null : await this.#originOf(claims);
    if (claims === null || origin === null) return null;
    const { did, sub: subject, namespace, scope } = claims;
    const granted = new Set(scope.split(' '));
    const scopes = SCOPES.filter((one) => granted.has(one));
    const isOfWallet = origin === 'session';
    return { kind: 'session', ...this.#holder({ did, subject, namespace, scopes }), claims, isOfWallet };
  }

  async #ofKey(text: string): Promise<HeldPrincipal | null> {
    const found = await this.#components.apiKeys.find(text);
    if (found === null) return null;
    const { id: keyId, did, subject, namespace, scopes } = found;
    return { kind: 'api_key', ...this.#holder({ did, subject, namespace, scopes }), keyId };
  }

  /**
   * What the token was made from, where that is good still; null where not. While nobody can tell, the token is taken at its word
   * until it ends.
   */
  async #originOf({ origin, did }: Claims): Promise<'session' | 'api_key' | 'unknown' | null> {
    const { sessions, apiKeys } = this.#components;
    try {
      if ((await sessions.find(origin))?.did === did) return 'session';
      return (await apiKeys.standing([origin])).length > 0 ? 'api_key' : null;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'state_unavailable') return 'unknown';
      throw error;
    }
  }

  #holder(of: Pick<Holder, 'did' | 'subject' | 'namespace' | 'scopes'>): Holder {
    const place = this.#components.formatOwn(custodyNamespace(of.did, of.namespace));
    return { ...of, place, custody: 'gateway' };
  }

  #remember(key: string, known: Known): void {
    this.#known.set(key, known);
    if (this.#known.size <= CREDENTIALS_MAX) return;
    const oldest = this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** A text of three parts may be a token where one is looked for; whatever else is said is an API key. */
export function credentialOf(text: string, mayBeToken: boolean): Credential {
  return { kind: mayBeToken && text.split('.').length === 3 ? 'jwt' : 'api_key', text };
}

const SCHEME = /^(bearer|apikey) +(\S+)$/i;

/** The credentials of a request, in the order in which they count. */
export function credentialsOf(headers: {
  readonly [name: string]: string | string[] | undefined;
}): Credential[] {
  const { authorization } = headers;
  const credentials: Credential[] = [];
  if (typeof authorization === 'string' && authorization.trim() !== '') {
    const said = authorization.trim();
    const [, scheme = '', text = said] = SCHEME.exec(said) ?? [];
    credentials.push(credentialOf(text, scheme.toLowerCase() === 'bearer'));
  }
  const key = headers['x-api-key'];
  if (typeof key === 'string' && key.trim() !== '') credentials.push({ kind: 'api_key', text: key.trim() });
  return credentials;
}
