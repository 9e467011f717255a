/** What every route of authentication does is written down in one place, so that none can be forgotten. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEvent } from '../audit/interface.ts';
import type { Principal } from '../auth/identity.ts';
import type { Context } from '../context.ts';
import type { Client } from '../protection/rate-limits.ts';

const ROUTES = /^\/v1\/(?<what>auth\/[a-z-]+|apps)(\/|$)/;
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Asking for a nonce proves nothing yet. */
const CHALLENGE = 'auth/challenge';
const UNAUTHENTICATED = 401;
/** From here on the gateway failed, not the client. */
const FAULT = 500;
const RATE_LIMITED = 429;

export function addAuditHooks(app: FastifyInstance, { audit }: Pick<Context, 'audit'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const event = eventOf(request, reply);
    // a client that was answered does not wait for the disk
    if (event !== null) void audit.audit(event);
  });
}

function eventOf(request: FastifyRequest, { statusCode: status }: FastifyReply): AuditEvent | null {
  const { method } = request;
  const route = request.routeOptions.url ?? '';
  const what = ROUTES.exec(route)?.groups?.['what'];
  // null for a URL that is none: no hook saw it before
  const address = (request.client as Client | null)?.address;
  const detail = { method, route, status };
  if (what === undefined || READING.has(method)) {
    if (status !== UNAUTHENTICATED) return null;
    return { event: 'auth.credential', outcome: 'refused', address, detail };
  }
  if (status >= FAULT || status === RATE_LIMITED) return null;
  const event = `auth.${what.replace('auth/', '')}` as const;
  const wallet = walletOf(request.body);
  if (status >= 400) {
    // whose it says it is: nobody has shown that
    return {
      event,
      outcome: 'refused',
      address,
      detail: { ...detail, ...(wallet === null ? {} : { wallet }) },
    };
  }
  if (what === CHALLENGE) return null;
  return { event, outcome: 'ok', actor: didOf(request.principal) ?? wallet ?? undefined, address, detail };
}

/** Null where a request was refused before anybody asked whose it is. */
function didOf(principal: Principal | null): string | null {
  return principal === null || principal.kind === 'operator' ? null : principal.did;
}

function walletOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  if ('wallet' in body && typeof body.wallet === 'string') return body.wallet;
  if (!('message' in body) || typeof body.message !== 'string') return null;
  // the account stands in the second line of a sign-in message
  return /^[^\n]{1,512}\n(?<account>[A-Za-z0-9]{1,128})\n/.exec(body.message)?.groups?.['account'] ?? null;
}
