/** One hook records the actions of all authentication and administration routes, so that none can be forgotten. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEvent } from '../../audit/interface.ts';
import type { Principal } from '../../auth/identity.ts';
import { withoutCredentials } from '../../observability/redaction.ts';
import type { Client } from '../../protection/client-limits.ts';
import type { Context } from './context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Details of the act for the audit log, besides who and when; never a credential. */
    audited?: AuditEvent['detail'];
  }
}

const ROUTES =
  /^\/v1\/(?<what>auth\/[a-z-]+|apps|network\/(connect|disconnect)|storage\/(scrub|collect|export|import)|backup|members\/(invites|revoke)|wallets\/end)(\/|$)/;
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Asking for a nonce proves nothing yet. */
const CHALLENGE = 'auth/challenge';
const UNAUTHENTICATED = 401;
const ADMINISTRATION = /^((network|storage|members|wallets)\/|backup$)/;
/** From this status on the gateway failed, not the client. */
const FAULT = 500;
const RATE_LIMITED = 429;
/** Longer than any address of a wallet. */
const WALLET_SHOWN_MAX = 128;

/** `listener`: as what events of authentication count; at the operator's own listener everything is administration. */
export function addAuditHooks(
  app: FastifyInstance,
  { audit }: Pick<Context, 'audit'>,
  listener: 'auth' | 'admin' = 'auth',
): void {
  app.decorateRequest('audited');
  app.addHook('onResponse', async (request, reply) => {
    const event = eventOf(request, reply, listener);
    // a client that was answered does not wait for the disk
    if (event !== null) void audit.audit(event);
  });
}

function eventOf(
  request: FastifyRequest,
  { statusCode: status }: FastifyReply,
  listener: 'auth' | 'admin',
): AuditEvent | null {
  const { method } = request;
  const route = request.routeOptions.url ?? '';
  const what = ROUTES.exec(route)?.groups?.['what'];
  // null for a malformed URL, which no earlier hook saw
  const address = (request.client as Client | null | undefined)?.address ?? request.socket.remoteAddress;
  const detail = { method, route, status, ...request.audited };
  if (what === undefined || READING.has(method)) {
    if (status !== UNAUTHENTICATED || listener === 'admin') return null;
    return { event: 'auth.credential', outcome: 'refused', address, detail };
  }
  const isAdmin = ADMINISTRATION.test(what);
  // that the node could not do what an operator asked for is worth knowing
  if ((status >= FAULT && !isAdmin) || status === RATE_LIMITED) return null;
  // the guard there has said it
  if (status === UNAUTHENTICATED && listener === 'admin') return null;
  const event =
    `${isAdmin ? 'admin' : listener}.${what.replace(/^(auth|network)\//, '').replace('/', '.')}` as const;
  const wallet = walletOf(request.body);
  if (status >= 400) {
    const actor = isAdmin ? actorOf(request) : undefined;
    // whose it says it is: nobody has shown that
    const said = wallet === null ? {} : { wallet };
    return { event, outcome: 'refused', actor, address, detail: { ...detail, ...said } };
  }
  if (what === CHALLENGE) return null;
  return { event, outcome: 'ok', actor: actorOf(request) ?? wallet ?? undefined, address, detail };
}

/** Undefined where a request was refused before anybody asked whose it is, or is of whoever has yet to show it. */
function actorOf({ principal, routeOptions }: FastifyRequest): string | undefined {
  const known = principal as Principal | null;
  if (known === null || known.kind === 'anonymous' || routeOptions.config.isOpen === true) return undefined;
  return known.kind === 'operator' ? 'operator' : known.did;
}

function walletOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  if ('wallet' in body && typeof body.wallet === 'string') {
    // as it was sent, also where it was refused; before it is cut: of half a token nobody could tell what it is
    return withoutCredentials(body.wallet).slice(0, WALLET_SHOWN_MAX);
  }
  if (!('message' in body) || typeof body.message !== 'string') return null;
  // the account stands in the second line of a sign-in message
  return /^[^\n]{1,512}\n(?<account>[A-Za-z0-9]{1,128})\n/.exec(body.message)?.groups?.['account'] ?? null;
}
