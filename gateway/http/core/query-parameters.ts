/** Refuses query parameters that a route does not know: `?tll=3` would otherwise keep a value for ever. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fieldsOf, unknownNames } from '../../core/validation.ts';

/**
 * Routes of other systems, whose servers ignore unknown parameters and whose clients count on it: DeBros, 4NK, and IPFS
 * gateways. Every other route refuses them, so a new route does so without being told.
 */
export const COMPATIBILITY_ROUTES: ReadonlySet<string> = new Set([
  '/health',
  '/status',
  '/.well-known/jwks.json',
  '/v1/auth/jwks',
  '/v1/auth/login',
  '/v1/auth/challenge',
  '/v1/auth/verify',
  '/v1/auth/register',
  '/v1/auth/api-key',
  '/v1/auth/token',
  '/v1/auth/refresh',
  '/v1/auth/logout',
  '/v1/auth/whoami',
  '/v1/apps',
  '/v1/apps/:id',
  '/v1/storage',
  '/v1/storage/put',
  '/v1/storage/get',
  '/v1/storage/delete',
  '/v1/storage/exists',
  '/v1/storage/list',
  '/v1/storage/upload',
  '/v1/storage/pin',
  '/v1/storage/status/:cid',
  '/v1/storage/get/:cid',
  '/v1/storage/unpin/:cid',
  '/v1/cache/health',
  '/v1/cache/put',
  '/v1/cache/get',
  '/v1/cache/mget',
  '/v1/cache/delete',
  '/v1/cache/scan',
  '/store',
  '/retrieve/:key',
  '/ipfs/:cid',
]);

/** Adds the check to every route of `app`. After the hooks for credentials: a stranger is not told what a route takes. */
export function refuseUnknownParameters(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    checkParameters(request);
    done();
  });
}

/** Throws `unknown_field`. */
function checkParameters({ query, is404, routeOptions }: FastifyRequest): void {
  const said = Object.keys(query as object);
  if (said.length === 0 || is404 || COMPATIBILITY_ROUTES.has(routeOptions.url ?? '')) return;
  const known = fieldsOf(routeOptions.schema?.querystring);
  const unknown = said.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw unknownNames('this route has no query parameter', unknown, known);
}
