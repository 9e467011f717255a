/** Values as DeBros clients of the first generation (E1) store and read them. */
import { z } from 'zod';
import type { ListRequest, Storage } from '../../../node/index.ts';
import { GatewayError } from '../../core/errors.ts';
import { DEBROS_LIST_MAX, JSON_OVERHEAD_BYTES, LIST_DEFAULT, LIST_MAX } from '../../core/limits.ts';
import { DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import { parseJson } from '../core/body.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import { pageLimit, prefixSchema, recordKeySchema } from '../kv/storage-schemas.ts';
import { bytesOf, sizeTaken, storeBody, TAKES_VALUES } from '../kv/store-value.ts';
import { harmlessHeaders } from '../kv/value-headers.ts';
import { sendValue } from '../kv/value-stream.ts';

const tags = ['storage', 'debros'];
const nameQuery = z.object({ namespace: namespaceSchema.optional(), key: recordKeySchema.optional() });
const valueResponse = {
  description: 'The bytes',
  content: { 'application/octet-stream': { schema: z.unknown().meta({ type: 'string', format: 'binary' }) } },
};
const body = z.unknown().meta({ type: 'string', format: 'binary', description: 'the value' });

const putSchema = {
  summary: 'Store a value',
  tags,
  consumes: ['*/*'],
  querystring: nameQuery,
  body,
  response: {
    201: z.object({ status: z.literal('ok'), key: z.string(), size: z.int() }),
    ...errorResponses,
  },
};
const getSchema = {
  summary: 'Read a value',
  tags,
  querystring: nameQuery,
  response: { 200: valueResponse, ...errorResponses },
};
const deleteSchema = {
  summary: 'Delete a value, named in the query or in a JSON body',
  tags,
  consumes: ['application/json'],
  querystring: nameQuery,
  body: z.unknown().meta({ type: 'object', properties: { key: { type: 'string' } } }),
  response: { 200: z.object({ status: z.literal('ok'), key: z.string() }), ...errorResponses },
};
const listSchema = {
  summary: 'Keys of a namespace in bytewise order',
  tags,
  querystring: z.object({
    namespace: namespaceSchema.optional(),
    prefix: prefixSchema.optional(),
    limit: pageLimit(DEBROS_LIST_MAX, LIST_DEFAULT).optional(),
  }),
  response: { 200: z.object({ keys: z.array(z.string()) }), ...errorResponses },
};
const existsSchema = {
  summary: 'Whether there is a value',
  tags,
  querystring: nameQuery,
  response: { 200: z.object({ exists: z.boolean() }), ...errorResponses },
};
const bodyKeySchema = z.object({ key: recordKeySchema });

type Query = z.output<typeof nameQuery>;

export function debrosStorageRoutes(
  app: Routes,
  context: Pick<StorageContext, 'holdValue' | 'transfers'>,
): void {
  const config = { readsNamespace: 'values' as const };

  for (const [method, url] of [
    ['POST', '/v1/storage/put'],
    ['PUT', '/v1/storage'],
  ] as const) {
    app.route({
      method,
      url,
      schema: putSchema,
      ...TAKES_VALUES,
      handler: async (request, reply) => {
        const name = nameOf(request.query);
        await storeBody(context, reply, { name });
        return reply.code(201).send({ status: 'ok', key: name.key, size: sizeTaken(request.body) });
      },
    });
  }

  for (const [method, url] of [
    ['GET', '/v1/storage/get'],
    ['POST', '/v1/storage/get'],
    ['GET', '/v1/storage'],
  ] as const) {
    app.route({
      method,
      url,
      schema: getSchema,
      config: { needs: 'read', readsNamespace: 'values' as const },
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const name = nameOf(request.query);
        const record = await request.acting.storage.get(name);
        if (record === null) throw new GatewayError('not_found', 'there is no value under this key');
        const { etag } = record;
        const headers = harmlessHeaders('');
        return sendValue(context, reply, { record, etag, headers, namespace: name.namespace });
      },
    });
  }

  app.post(
    '/v1/storage/delete',
    { schema: deleteSchema, bodyLimit: JSON_OVERHEAD_BYTES },
    async ({ query, body: bytes, acting }) => {
      const { namespace, key } = query;
      const name = nameOf({ namespace, key: oneKey(key, keyInBody(bytes)) });
      await acting.storage.delete(name);
      return { status: 'ok' as const, key: name.key };
    },
  );

  app.get('/v1/storage/exists', { config, schema: existsSchema }, async ({ query, acting }) => ({
    exists: (await acting.storage.get(nameOf(query))) !== null,
  }));

  app.get('/v1/storage/list', { config, schema: listSchema }, async ({ query, acting }) => {
    const { namespace = DEFAULT_NAMESPACE, prefix = '', limit = LIST_DEFAULT } = query;
    return { keys: await listKeys(acting.storage, { owner: '', namespace, prefix, limit }) };
  });
}

/** As many as there are up to `limit`, from as many pages as that takes. */
async function listKeys(
  storage: Pick<Storage, 'list'>,
  { limit, ...request }: ListRequest & { limit: number },
): Promise<string[]> {
  const keys: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null && keys.length < limit; ) {
    const pageSize = Math.min(limit - keys.length, LIST_MAX);
    const page = await storage.list({
      ...request,
      limit: pageSize,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const entry of page.entries) keys.push(entry.key);
    ({ cursor } = page);
  }
  return keys;
}

function nameOf({ namespace = DEFAULT_NAMESPACE, key }: Query) {
  if (key === undefined) throw new GatewayError('bad_key', "missing 'key'");
  return { owner: '', namespace, key };
}

/** Their clients send a body or none, with a Content-Type or none. */
function keyInBody(requestBody: unknown): string | undefined {
  const bytes = bytesOf(requestBody);
  if (bytes.byteLength === 0) return undefined;
  const found = bodyKeySchema.safeParse(parseJson(bytes));
  if (!found.success) throw new GatewayError('bad_key', found.error.issues[0]?.message ?? "missing 'key'");
  return found.data.key;
}

function oneKey(first: string | undefined, second: string | undefined): string | undefined {
  if (first !== undefined && second !== undefined && first !== second) {
    throw new GatewayError('bad_key', 'the query and the body name two different keys');
  }
  return first ?? second;
}
