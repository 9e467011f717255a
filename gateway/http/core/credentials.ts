/** Identifies the requester, and restricts the request to the namespaces that the requester may use. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NameError } from '../../../protocols/common/names.ts';
import { credentialsOf, type HeldPrincipal, type Principal } from '../../auth/identity.ts';
import { ANONYMOUS, OperatorCheck } from '../../auth/operator.ts';
import { GatewayError } from '../../core/errors.ts';
import { DEFAULT_NAMESPACE } from '../../core/schemas.ts';
import { checkNoPage } from '../../protection/guard.ts';
import type { Context } from './context.ts';
import { checkReading, checkWrittenByAnyone, missingCredential, type ReadingContext } from './reading.ts';
import { type UrlCredentials, urlCredentialsOf } from './url-credentials.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The requester; set before the route's own checks. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** No credential counts here: whoever asks has none yet, or one that has ended. */
    isOpen?: boolean;
    /** Scope that a credential must grant, where the method does not tell; `account`: to act as the wallet itself. */
    needs?: 'read' | 'write' | 'account' | 'admin';
    /**
     * It reads what belongs to a namespace, which may be another's: its policy says who may, with a credential or without. For
     * the query's topic the policy may allow more. The policy itself the operator reads in any case.
     */
    readsNamespace?: 'topic' | 'values' | 'policy';
    /** Where whoever has no credential acts, as far as its policy lets everybody. */
    sharedNamespace?: string;
  }
}

/** Routes that reveal nothing about anybody: monitors and clients ask for them before they have a credential. */
const PUBLIC: ReadonlySet<string> = new Set([
  '/',
  '/livez',
  '/readyz',
  '/health',
  '/v1/health',
  '/v1/version',
  '/v1/info',
  '/openapi.json',
  '/v1/auth/jwks',
  '/.well-known/jwks.json',
]);
/** Probes that tell the operator more. */
const PROBES: ReadonlySet<string> = new Set(['/readyz', '/health', '/v1/health']);
/** E2 clients ask for these before they have a credential, too. */
const PUBLIC_FOR_E2: ReadonlySet<string> = new Set(['/v1/network/status', '/v1/network/peers']);
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

type CredentialContext = ReadingContext & Pick<Context, 'auth' | 'config' | 'logger'>;

export function addCredentialHooks(app: FastifyInstance, context: CredentialContext): void {
  const operators = new OperatorCheck({ logger: context.logger }, { config: context.config });
  // null until the first hook: an object here would be one for all requests
  app.decorateRequest('principal', null as never);
  app.addHook('onRequest', async (request) => {
    request.principal = ANONYMOUS;
    if (request.is404) return;
    const inUrl = urlCredentialsOf(request, context);
    if (request.routeOptions.config.isOpen === true) return;
    const principal = await identify(request, inUrl, context);
    if (principal === null) {
      const isForAll = isPublic(request, context);
      // what says the same to everybody is answered without a look at who asks
      if (isForAll && !PROBES.has(request.routeOptions.url ?? '')) return;
      request.principal = await operators.principalOf(request);
      if (isForAll) return;
      // before anything of its body is read
      if (request.principal.kind === 'anonymous') checkAnonymous(context, request);
      else checkOperatorsPage(request);
      return;
    }
    checkScope(request, principal);
    request.principal = principal;
    const subject = principal.kind === 'api_key' ? principal.keyId : principal.claims.origin;
    request.client.charged.push({ rate: 'keys', subject }, { rate: 'namespaces', subject: principal.place });
  });
  app.addHook('preHandler', async (request) => {
    if (request.is404 || request.routeOptions.config.isOpen === true) return;
    const { principal, routeOptions } = request;
    if (isHeld(principal)) actInOwnNamespace(request, principal);
    const { readsNamespace } = routeOptions.config;
    const isUnbound = principal.kind === 'operator' && readsNamespace === 'policy';
    if (readsNamespace !== undefined && !isUnbound) checkNamespaces(context, request);
  });
}

async function identify(
  { headers, routeOptions }: FastifyRequest,
  { ticket, credentials }: UrlCredentials,
  { auth }: Pick<Context, 'auth'>,
): Promise<HeldPrincipal | null> {
  if (ticket === null) return auth.authenticator.identify([...credentialsOf(headers), ...credentials]);
  const principal = auth.tickets.redeem(ticket, routeOptions.url ?? '', headers);
  if (principal !== null && (await auth.standings.stands(principal))) return principal;
  throw new GatewayError(
    'unauthenticated',
    'the ticket was used, has ended, or was made for another page, route or gateway: ask for another one',
  );
}

function isPublic({ routeOptions }: FastifyRequest, { config }: Pick<Context, 'config'>): boolean {
  const url = routeOptions.url ?? '';
  return PUBLIC.has(url) || (config['compat.debros'] && PUBLIC_FOR_E2.has(url));
}

/** The client's name for the only namespace that its credential is for, where the request means that one. */
export function ownNamespace({
  principal,
  query,
}: Pick<FastifyRequest, 'principal' | 'query'>): string | undefined {
  if (!isHeld(principal) || (query as Named).namespace !== principal.place) return undefined;
  return principal.namespace;
}

/** The gateway's name for that namespace; undefined for a principal that has none. */
export function ownPlace(principal: Principal): string | undefined {
  return isHeld(principal) ? principal.place : undefined;
}

/** Scope that a credential must grant for this request. */
export function needOf({ routeOptions, method }: Pick<FastifyRequest, 'routeOptions' | 'method'>) {
  return routeOptions.config.needs ?? (READING.has(method) ? 'read' : 'write');
}

/** Whether somebody may see and do what is the operator's. */
export function isAdmin(principal: Principal): boolean {
  return principal.kind === 'operator' || (isHeld(principal) && principal.scopes.includes('admin'));
}

function isHeld(principal: Principal): principal is HeldPrincipal {
  return principal.kind !== 'operator' && principal.kind !== 'anonymous';
}

function checkAnonymous(context: CredentialContext, request: FastifyRequest): void {
  const { principal, routeOptions } = request;
  const { readsNamespace, sharedNamespace } = routeOptions.config;
  if (readsNamespace === undefined && sharedNamespace === undefined) throw missingCredential(principal);
  try {
    if (readsNamespace !== undefined) checkNamespaces(context, request);
    else checkWrittenByAnyone(context, principal, sharedNamespace ?? '');
  } catch (error) {
    // what is wrong with its request is said to whoever may make it
    if (error instanceof NameError) throw missingCredential(principal);
    throw error;
  }
}

/** A page that may use the gateway acts as the operator there, and makes no key with which it could go on elsewhere. */
function checkOperatorsPage({ method, headers, routeOptions }: FastifyRequest): void {
  const { needs } = routeOptions.config;
  if (needs === 'account' || needs === 'admin') checkNoPage(method, headers);
}

function checkScope(request: FastifyRequest, principal: HeldPrincipal): void {
  const needs = needOf(request);
  if (needs === 'account' || principal.scopes.includes(needs)) return;
  throw new GatewayError('forbidden', `this API key does not grant ${needs}`);
}

/**
 * Wherever the request names a namespace without its owner, it may only be its credential's; where it names none, that one is
 * meant. A namespace named with its owner may be another's, where it is only read.
 */
function actInOwnNamespace(request: FastifyRequest, principal: HeldPrincipal): void {
  const { namespace, place } = principal;
  const parts = naming(request);
  for (const part of parts) {
    if (part.namespace === namespace || part.namespace === place) part.namespace = place;
    else if (!isForeign(part.namespace) || request.routeOptions.config.readsNamespace === undefined) {
      throw new GatewayError('namespace_mismatch', 'namespace mismatch');
    }
  }
  const query = request.query as Named;
  query.namespace ??= parts[0]?.namespace ?? place;
}

function checkNamespaces(context: ReadingContext, request: FastifyRequest): void {
  const { principal, routeOptions } = request;
  const { sharedNamespace, readsNamespace } = routeOptions.config;
  const { topic } = request.query as Named;
  const isAboutTopic = readsNamespace === 'topic' && typeof topic === 'string';
  // where it is fixed, what the request says of it is not looked at
  const named = sharedNamespace === undefined ? naming(request).map((part) => part.namespace) : [];
  const unnamed = ownPlace(principal) ?? sharedNamespace ?? DEFAULT_NAMESPACE;
  for (const namespace of named.length > 0 ? named : [unnamed]) {
    // what is no text has not been looked at yet, and is refused for that then
    if (typeof namespace !== 'string') throw missingCredential(principal);
    checkReading(context, principal, { namespace, topic: isAboutTopic ? topic : undefined });
  }
}

/** The parts of a request that name a namespace. */
function naming({ params, query, body }: FastifyRequest): Named[] {
  return [params, query, body].filter((part): part is Named => {
    const isObject = typeof part === 'object' && part !== null && !(part instanceof Uint8Array);
    return isObject && 'namespace' in part && part.namespace !== undefined;
  });
}

function isForeign(namespace: unknown): boolean {
  return typeof namespace === 'string' && namespace.includes('@');
}

interface Named {
  namespace?: unknown;
  topic?: unknown;
}
