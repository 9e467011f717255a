/** What all routes that carry values have in common. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Context } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { VALUES_IN_TRANSIT_BYTES } from '../limits.ts';
import { ByteBudget } from './byte-budget.ts';
import { cacheRoutes } from './cache.ts';
import { fournkRoutes } from './fournk.ts';
import { kvRoutes } from './kv.ts';
import { parseQuery, queryOf } from './percent.ts';
import type { Routes } from './routes.ts';
import { debrosStorageRoutes } from './storage.ts';
import { networkStorageRoutes } from './storage-network.ts';

/** Counts a value against what may be on its way, until the answer is out or the client gone. */
export type HoldValue = (reply: FastifyReply, bytes: number) => void;

export interface StorageContext extends Pick<Context, 'storage' | 'config'> {
  readonly holdValue: HoldValue;
}

export async function storageRoutes(app: Routes, { storage, config }: Pick<Context, 'storage' | 'config'>) {
  const budget = new ByteBudget({ max: VALUES_IN_TRANSIT_BYTES });
  const holdValue: HoldValue = (reply, bytes) => {
    reply.raw.once('close', budget.take(bytes));
  };
  const context: StorageContext = { storage, config, holdValue };
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => {
      request.query = strictQuery(request);
    });
    scope.addHook('preParsing', async (request, reply) => {
      const bytes = bodyBytes(request);
      if (bytes > 0) holdValue(reply, bytes);
    });
    const typed = scope.withTypeProvider<ZodTypeProvider>();
    cacheRoutes(typed, context);
    networkStorageRoutes(typed, context);
    for (const addRoutes of [kvRoutes, debrosStorageRoutes]) {
      await scope.register(async (raw) => {
        takeAnyBody(raw.withTypeProvider<ZodTypeProvider>());
        addRoutes(raw.withTypeProvider<ZodTypeProvider>(), context);
      });
    }
    await scope.register(async (fournk) => fournkRoutes(fournk.withTypeProvider<ZodTypeProvider>(), context));
  });
}

/** Values are bytes of whatever type. */
function takeAnyBody(scope: Routes): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** The library's own parser leaves as it is what is not well encoded: another key would be read or written. */
function strictQuery({ raw }: FastifyRequest): Record<string, string | string[]> {
  const query = parseQuery(queryOf(raw.url ?? ''));
  if (query === null) throw new GatewayError('bad_key', 'the query must be percent-encoded UTF-8');
  return query;
}

/** What a body may come to; without a length, as much as its route allows. */
function bodyBytes({ headers, routeOptions }: FastifyRequest): number {
  const { bodyLimit } = routeOptions;
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Math.min(Number(headers['content-length'] ?? 0), bodyLimit);
}
