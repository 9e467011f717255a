/** Common parts of all routes that transfer values. */
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { GatewayError } from '../../core/errors.ts';
import { VALUES_IN_TRANSIT_BYTES } from '../../core/limits.ts';
import { blobRoutes } from '../blobs/blobs.ts';
import { uploadRoutes } from '../blobs/uploads.ts';
import { cacheRoutes } from '../compat/cache.ts';
import { debrosStorageRoutes } from '../compat/debros-storage.ts';
import { e2StorageRoutes } from '../compat/e2-storage.ts';
import { fournkRoutes } from '../compat/fournk.ts';
import { parseJson } from '../core/body.ts';
import type { BodyDeadlines } from '../core/body-deadlines.ts';
import type { Context } from '../core/context.ts';
import { HeldBodies } from '../core/held-bodies.ts';
import { parseQuery, queryOf } from '../core/percent.ts';
import type { Routes } from '../core/routes.ts';
import { Transfers } from '../core/transfers.ts';
import { ValueBodies } from '../core/value-bodies.ts';
import { kvRoutes } from '../kv/kv.ts';
import { networkStorageRoutes } from '../kv/network.ts';
import type { StorageContext } from '../kv/storage-context.ts';

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
