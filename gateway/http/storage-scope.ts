/** What all routes that carry values have in common. */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Context } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { VALUES_IN_TRANSIT_BYTES } from '../limits.ts';
import { parseJson, readBody } from './body.ts';
import { ByteBudget, type Holding } from './byte-budget.ts';
import { cacheRoutes } from './cache.ts';
import { fournkRoutes } from './fournk.ts';
import { kvRoutes } from './kv.ts';
import { parseQuery, queryOf } from './percent.ts';
import type { Routes } from './routes.ts';
import { debrosStorageRoutes } from './storage.ts';
import { networkStorageRoutes } from './storage-network.ts';

/** Counts a value against what may be on its way, until the answer is out or the client gone. */
export type HoldValue = (reply: FastifyReply, bytes: number) => void;

type ReadBody = (request: FastifyRequest, payload: IncomingMessage) => Promise<Buffer>;

export interface StorageContext extends Pick<Context, 'storage' | 'config'> {
  readonly holdValue: HoldValue;
}

export async function storageRoutes(
  app: Routes,
  { storage, config }: Pick<Context, 'storage' | 'config'>,
): Promise<void> {
  const budget = new ByteBudget({ max: VALUES_IN_TRANSIT_BYTES });
  const holdings = new WeakMap<IncomingMessage, Holding>();
  const holdingOf = ({ raw }: FastifyRequest): Holding => {
    const holding = holdings.get(raw);
    if (holding === undefined) throw new Error('a request without its holding');
    return holding;
  };
  const holdValue: HoldValue = ({ request }, bytes) => holdingOf(request).add(bytes);
  const context: StorageContext = { storage, config, holdValue };
  const read: ReadBody = async (request, payload) =>
    readBody(payload, { limit: request.routeOptions.bodyLimit, holding: holdingOf(request) });

  await app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      const holding = budget.open();
      holdings.set(request.raw, holding);
      reply.raw.once('close', () => holding.release());
      request.query = strictQuery(request);
    });
    scope.removeAllContentTypeParsers();
    await scope.register(async (json) => {
      json.addContentTypeParser(
        'application/json',
        async (request: FastifyRequest, payload: IncomingMessage) => parseJson(await read(request, payload)),
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
      raw.addContentTypeParser('*', read);
      const typed = raw.withTypeProvider<ZodTypeProvider>();
      kvRoutes(typed, context);
      debrosStorageRoutes(typed, context);
    });
  });
}

/** The library's own parser leaves as it is what is not well encoded: another key would be read or written. */
function strictQuery({ raw }: FastifyRequest): Record<string, string | string[]> {
  const query = parseQuery(queryOf(raw.url ?? ''));
  if (query === null) throw new GatewayError('bad_key', 'the query must be percent-encoded UTF-8');
  return query;
}
