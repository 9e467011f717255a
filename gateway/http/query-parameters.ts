/** Refuses query parameters that a route does not know: `?tll=3` would otherwise keep a value for ever. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { didYouMean } from '../../protocols/common/spelling.ts';
import { GatewayError } from '../errors.ts';

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

/** So much of what a client sent is repeated to it. */
const NAME_SHOWN = 64;
const NAMES_SHOWN = 8;

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
  const known = parametersOf(routeOptions.schema?.querystring);
  const unknown = said.filter((name) => !known.includes(name));
  const [first] = unknown;
  if (first === undefined) return;
  const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
  throw new GatewayError(
    'unknown_field',
    `this route has no query parameter "${first.slice(0, NAME_SHOWN)}"${didYouMean(first, known)}: ${takes}`,
    { fields: unknown.slice(0, NAMES_SHOWN).map((name) => name.slice(0, NAME_SHOWN)), known: [...known] },
  );
}

/** The names in a route's zod object. */
function parametersOf(schema: unknown): readonly string[] {
  const isObject = typeof schema === 'object' && schema !== null && 'shape' in schema;
  return isObject ? Object.keys(schema.shape as object) : [];
}
