/** Identifies the requester. */
import { hash } from 'node:crypto';
import type { MaillonNode } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { GatewayError } from '../core/errors.ts';
import type { Tenants } from '../core/tenants.ts';
import { type ApiKeys, OPERATOR_SCOPES, type Scope } from './api-keys.ts';
import { custodyNamespace, OPERATOR_SUBJECT } from './custody.ts';
import type { Custody, WalletDelegation } from './delegations.ts';
import { CREDENTIALS_MAX, REMEMBERED_MS } from './limits.ts';
import type { Session, Sessions } from './sessions.ts';
import type { Claims, Tokens } from './tokens.ts';

/** An actor in a namespace of a wallet, in one that is held for it, or in one of the operator's. */
export interface Holder {
  readonly did: string;
  /** The wallet's address; `operator` for the gateway's own. */
  readonly subject: string;
  /** As clients call it: the only one that this principal may name. */
  readonly namespace: string;
  /** As the gateway calls it. */
  readonly place: string;
  readonly scopes: readonly Scope[];
  /** The signer in its namespace. */
  readonly custody: Custody;
  /** The wallet's delegation; null where it delegated nothing. */
  readonly delegation: WalletDelegation | null;
  /** When its right to act ends whatever else stands, in milliseconds since the Unix epoch. */
  readonly endsAt?: number;
}

export type Principal =
  /** A program of this machine that may act for the operator and asks without a credential, unless everybody needs one. */
  | { readonly kind: 'operator' }
  /** Any other client without a credential. `notOperator`: why a client on this machine is not taken for the operator. */
  | { readonly kind: 'anonymous'; readonly notOperator?: string }
  | (Holder & {
      readonly kind: 'session';
      readonly claims: Claims;
      /** Whether the wallet itself signed in, rather than an API key of its. */
      readonly isOfWallet: boolean;
    })
  | (Holder & { readonly kind: 'api_key'; readonly keyId: string });

export type HeldPrincipal = Exclude<Principal, { readonly kind: 'operator' | 'anonymous' }>;

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
  readonly tenants: Tenants;
  readonly node: Pick<MaillonNode, 'owner'>;
}

/** Finds out who a credential stands for, and remembers it for as long as a revocation may take to be known. */
export class Authenticator {
  readonly #components: AuthenticatorComponents;
  /** By hash of the credential; the one that was looked at least recently is forgotten first. */
  readonly #known = new Map<string, Known>();

  /** Counts what ended here: what was looked up before that is not remembered. */
  #endings = 0;
  #onForgotten: () => void = () => undefined;

  constructor(components: AuthenticatorComponents) {
    this.#components = components;
  }

  /** `listener` is told whenever something ended here, in place of the one before. */
  onForgotten(listener: () => void): void {
    this.#onForgotten = listener;
  }

  /** The principal of the first valid credential. Throws `unauthenticated` when there are some and none is. */
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
    this.#endings += 1;
    for (const [key, { principal }] of this.#known) if (principal.did === did) this.#known.delete(key);
    this.#onForgotten();
  }

  async #identify({ kind, text }: Credential): Promise<HeldPrincipal | null> {
    const key = hash('sha256', text, 'base64url');
    const known = this.#known.get(key);
    const now = this.#components.clock.now();
    if (known !== undefined && known.until > now) return known.principal;
    this.#known.delete(key);
    const endings = this.#endings;
    const principal = await (kind === 'jwt' ? this.#ofToken(text) : this.#ofKey(text));
    if (principal === null) return null;
    if (endings !== this.#endings) return principal;
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
    const scopes = OPERATOR_SCOPES.filter((one) => granted.has(one));
    const session = typeof origin === 'string' ? null : origin;
    const holder = this.#holder({ did, subject, namespace, scopes }, session?.delegation ?? null);
    return holder === null ? null : { kind: 'session', ...holder, claims, isOfWallet: session !== null };
  }

  async #ofKey(text: string): Promise<HeldPrincipal | null> {
    const found = await this.#components.apiKeys.find(text);
    if (found === null) return null;
    const { id: keyId, did, subject, namespace, scopes } = found;
    const holder = this.#holder({ did, subject, namespace, scopes }, null);
    return holder === null ? null : { kind: 'api_key', ...holder, keyId };
  }

  /**
   * The session or API key behind the token, if still valid; otherwise null. While nobody can tell, the token is taken at its
   * word until it ends; but not one within a delegation, which only the session has.
   */
  async #originOf({ origin, did, custody }: Claims): Promise<Session | 'api_key' | 'unknown' | null> {
    const { sessions, apiKeys } = this.#components;
    try {
      const session = await sessions.find(origin);
      if (session !== null) return session.did === did ? session : null;
      return (await apiKeys.standing([origin])).length > 0 ? 'api_key' : null;
    } catch (error) {
      const isAway = error instanceof CodedError && error.code === 'state_unavailable';
      if (isAway && custody === undefined) return 'unknown';
      throw error;
    }
  }

  /** In the wallet's own namespace where it delegated; otherwise in the one that the operator holds for it. Null for a former operator. */
  #holder(
    of: Pick<Holder, 'did' | 'subject' | 'namespace' | 'scopes'>,
    delegation: WalletDelegation | null,
  ): Holder | null {
    const { tenants, node } = this.#components;
    const { did, namespace } = of;
    if (of.subject === OPERATOR_SUBJECT) {
      return did === node.owner ? { ...of, place: namespace, custody: 'operator', delegation: null } : null;
    }
    const holder = { ...of, scopes: of.scopes.filter((scope) => scope !== 'admin') };
    if (delegation !== null) {
      const { custody, endsAt } = delegation;
      const place = tenants.format({ owner: did, namespace });
      return { ...holder, place, custody, delegation, endsAt };
    }
    const place = tenants.format({ owner: node.owner, namespace: custodyNamespace(did, namespace) });
    return { ...holder, place, custody: 'gateway', delegation };
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
