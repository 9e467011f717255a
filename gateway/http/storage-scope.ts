/** What all routes that carry values have in common. */
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Context } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { VALUES_IN_TRANSIT_BYTES } from '../limits.ts';
import { blobRoutes } from './blobs.ts';
import { parseJson } from './body.ts';
import type { BodyDeadlines } from './body-deadlines.ts';
import { cacheRoutes } from './cache.ts';
import { e2StorageRoutes } from './e2-storage.ts';
import { fournkRoutes } from './fournk.ts';
import { HeldBodies } from './held-bodies.ts';
import { kvRoutes } from './kv.ts';
import { parseQuery, queryOf } from './percent.ts';
import type { Routes } from './routes.ts';
import { debrosStorageRoutes } from './storage.ts';
import type { StorageContext } from './storage-context.ts';
import { networkStorageRoutes } from './storage-network.ts';
import { Transfers } from './transfers.ts';
import { uploadRoutes } from './uploads.ts';
import { ValueBodies } from './value-bodies.ts';

export interface StorageRoutesContext extends Pick<Context, 'storage' | 'config' | 'stopping'> {
  readonly deadlines: BodyDeadlines;
}

export async function storageRoutes(
  app: Routes,
  { storage, config, stopping, deadlines }: StorageRoutesContext,
): Promise<void> {
  const bodies = new HeldBodies({ max: VALUES_IN_TRANSIT_BYTES });
  const values = new ValueBodies({ held: bodies, deadlines });
  const transfers = new Transfers({ deadlines, stopping });
  const context: StorageContext = { storage, config, holdValue: bodies.hold, transfers };

  await app.register(async (scope) => {
    bodies.watch(scope);
    scope.addHook('onRequest', async (request) => {
      request.query = strictQuery(request);
    });
    scope.removeAllContentTypeParsers();
    await scope.register(async (json) => {
      json.addContentTypeParser(
        'application/json',
        async (request: FastifyRequest, payload: IncomingMessage) =>
          parseJson(await bodies.read(request, payload)),
      );
      const typed = json.withTypeProvider<ZodTypeProvider>();
      cacheRoutes(typed, context);
      networkStorageRoutes(typed, context);
      await json.register(async (fournk) =>
        fournkRoutes(fournk.withTypeProvider<ZodTypeProvider>(), context),
      );
    });
    await scope.register(async (raw) => {
      // values are bytes of whatever type
      raw.addContentTypeParser('*', values.take);
      values.watch(raw);
      const typed = raw.withTypeProvider<ZodTypeProvider>();
      kvRoutes(typed, context);
      blobRoutes(typed, context);
      uploadRoutes(typed, context);
      debrosStorageRoutes(typed, context);
      e2StorageRoutes(typed, context);
    });
  });
}

/** The library's own parser leaves as it is what is not well encoded: another key would be read or written. */
function strictQuery({ raw }: FastifyRequest): Record<string, string | string[]> {
  const query = parseQuery(queryOf(raw.url ?? ''));
  if (query === null) throw new GatewayError('bad_key', 'the query must be percent-encoded UTF-8');
  return query;
}
