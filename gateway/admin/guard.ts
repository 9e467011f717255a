/** Decides what a request to the admin listener may do, before anything else looks at it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../node/index.ts';
import type { Audit } from '../audit/interface.ts';
import { credentialsOf, type Principal } from '../auth/identity.ts';
import { GatewayError } from '../core/errors.ts';
import { isAdmin } from '../http/core/credentials.ts';
import { pathOf } from '../http/core/error-handler.ts';
import type { Gateway } from '../interface.ts';
import { checkHost, checkNoPage, checkOrigin } from '../protection/guard.ts';
import { bearerCheck } from './token.ts';

/** Asked without a token in any case: whoever restarts a process that hangs has none. */
const LIVENESS = '/livez';
/**
 * Routes that tell whether the node is well, and change nothing: any program of this machine may ask, unless admin.tokenFile is
 * set.
 */
const HEALTH: ReadonlySet<string> = new Set([
  LIVENESS,
  '/readyz',
  '/health',
  '/v1/health',
  '/metrics',
  '/status',
  '/v1/status',
  '/v1/network/status',
  '/v1/version',
]);

export interface AdminGuardComponents {
  readonly audit: Audit;
  /** Where there are API keys. */
  readonly gateway?: Pick<Gateway, 'identify'> | null | undefined;
}

export interface AdminGuardInit {
  readonly config: Config;
  readonly token: string;
}

/**
 * Administration takes the token, or an API key with scope admin; health is for every program of this machine, or for whoever has the token
 * where `admin.tokenFile` is set. No web page may do anything here; without `admin.tokenFile` none comes by a name that points here.
 */
export function addAdminGuard(
  app: FastifyInstance,
  { audit, gateway }: AdminGuardComponents,
  { config, token }: AdminGuardInit,
): void {
  const hosts = { allowedHosts: config['gateway.allowedHosts'], allowedOrigins: [] };
  const isTokenSet = config['admin.tokenFile'] !== '';
  const isToken = bearerCheck(token);
  app.decorateRequest('principal', null as never);

  async function administrator({ headers }: FastifyRequest): Promise<Principal> {
    if (isToken(headers.authorization)) return { kind: 'operator' };
    const principal = await identified(gateway, headers);
    if (principal === null) {
      const where = isTokenSet ? 'admin.tokenFile' : 'admin.token in the data directory of the node';
      throw new GatewayError(
        'unauthenticated',
        `this takes the token in ${where}, as Authorization: Bearer, or an API key with scope admin`,
      );
    }
    if (isAdmin(principal)) return principal;
    throw new GatewayError('forbidden', 'this API key does not grant admin');
  }

  app.addHook('onRequest', async (request, reply) => {
    const { method, headers, url, socket } = request;
    void reply.header('x-content-type-options', 'nosniff');
    void reply.header('cache-control', 'no-store');
    checkOrigin(headers.origin, hosts);
    checkNoPage(method, headers);
    // a token that was set says more than a host name
    if (!isTokenSet) checkHost(headers.host, hosts);
    const path = pathOf(url);
    if (isTokenSet ? path === LIVENESS : request.is404 || HEALTH.has(path)) return;
    try {
      request.principal = await administrator(request);
    } catch (error) {
      // an act that is forbidden is written down as that act
      if (!(error instanceof GatewayError) || error.code !== 'unauthenticated') throw error;
      void reply.header('www-authenticate', 'Bearer');
      // not waited for: who guesses shall not find out how fast the disk is
      void audit.audit({
        event: 'admin.credential',
        outcome: 'refused',
        address: socket.remoteAddress,
        detail: {
          path,
          isMissing: headers.authorization === undefined && headers['x-api-key'] === undefined,
        },
      });
      throw error;
    }
  });
}

/** Null when no one is named, or the gateway does not know the one named. */
async function identified(
  gateway: AdminGuardComponents['gateway'],
  headers: FastifyRequest['headers'],
): Promise<Principal | null> {
  if (gateway === null || gateway === undefined || credentialsOf(headers).length === 0) return null;
  try {
    return await gateway.identify(headers);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'unauthenticated') return null;
    throw error;
  }
}
