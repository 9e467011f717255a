/** Finds out who a request is by, and holds it to the namespace of its credential. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { credentialsOf, type HeldPrincipal, type Principal } from '../auth/identity.ts';
import type { Context } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { type UrlCredentials, urlCredentialsOf } from './url-credentials.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is; set before the route's own checks. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** No credential counts here: whoever asks has none yet, or one that has ended. */
    isOpen?: boolean;
    /** What a credential must grant, where the method does not tell; `account`: to act as the wallet itself. */
    needs?: 'read' | 'write' | 'account';
  }
}

const OPERATOR: Principal = { kind: 'operator' };
/** What tells nothing of anybody: monitors and clients ask for it before they have a credential. */
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
/** E2 clients ask for these before they have a credential, too. */
const PUBLIC_FOR_E2: ReadonlySet<string> = new Set(['/v1/network/status', '/v1/network/peers']);
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

export function addCredentialHooks(app: FastifyInstance, context: Pick<Context, 'auth' | 'config'>): void {
  // null until the first hook: an object here would be one for all requests
  app.decorateRequest('principal', null as never);
  app.addHook('onRequest', async (request) => {
    request.principal = OPERATOR;
    if (request.is404) return;
    const inUrl = urlCredentialsOf(request, context);
    if (request.routeOptions.config.isOpen === true) return;
    const principal = await identify(request, inUrl, context);
    if (principal === null) {
      if (!request.client.isLocal && !isPublic(request, context)) throw missing();
      return;
    }
    checkScope(request, principal);
    request.principal = principal;
    const subject = principal.kind === 'api_key' ? principal.keyId : principal.claims.origin;
    request.client.charged.push({ rate: 'keys', subject }, { rate: 'namespaces', subject: principal.place });
  });
  app.addHook('preHandler', async (request) => {
    if (request.principal.kind !== 'operator') actInOwnNamespace(request, request.principal);
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

/** What a client calls the only namespace that its credential is for; undefined for the operator, who names any. */
export function ownNamespace({ principal }: Pick<FastifyRequest, 'principal'>): string | undefined {
  return principal.kind === 'operator' ? undefined : principal.namespace;
}

/** What the gateway calls that namespace; undefined for the operator. */
export function ownPlace(principal: Principal): string | undefined {
  return principal.kind === 'operator' ? undefined : principal.place;
}

/** What a credential must grant for this request. */
export function needOf({ routeOptions, method }: Pick<FastifyRequest, 'routeOptions' | 'method'>) {
  return routeOptions.config.needs ?? (READING.has(method) ? 'read' : 'write');
}

/** Only a program of this machine that asks for itself is let in as the operator: what a proxy brings is somebody else's. */
function missing(): GatewayError {
  return new GatewayError('unauthenticated', 'missing API key');
}

function checkScope(request: FastifyRequest, principal: HeldPrincipal): void {
  const needs = needOf(request);
  if (needs === 'account' || principal.scopes.includes(needs)) return;
  throw new GatewayError('forbidden', `this API key does not grant ${needs}`);
}

/** Wherever the request names a namespace, it may only be its credential's; where it names none, that one is meant. */
function actInOwnNamespace(request: FastifyRequest, principal: HeldPrincipal): void {
  const params = request.params as Named;
  const query = request.query as Named;
  const body = request.body instanceof Uint8Array ? undefined : (request.body as Named | null | undefined);
  for (const part of [params, query, body]) {
    if (typeof part !== 'object' || part?.namespace === undefined) continue;
    if (part.namespace !== principal.namespace) {
      throw new GatewayError('namespace_mismatch', 'namespace mismatch');
    }
    part.namespace = principal.place;
  }
  query.namespace = principal.place;
}

interface Named {
  namespace?: unknown;
}
