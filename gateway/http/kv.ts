import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Consistency, Durability, RecordName, StoredRecord } from '../../node/index.ts';
import { KEY_MAX_BYTES, VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { checkKey } from '../../protocols/storage/keys.ts';
import { oneNamespace } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { LIST_DEFAULT } from '../limits.ts';
import { errorResponses, namespaceSchema } from '../schemas.ts';
import {
  matchesStrongly,
  matchesWeakly,
  notMet,
  parseEtags,
  writeIf,
  writePrecondition,
} from './conditions.ts';
import { ownNamespace } from './credentials.ts';
import { parseTtl } from './duration.ts';
import { percentDecode } from './percent.ts';
import type { Routes } from './routes.ts';
import {
  cursorSchema,
  limitSchema,
  listPageSchema,
  prefixSchema,
  toListEntry,
  toWritten,
  writtenSchema,
} from './storage-schemas.ts';
import type { StorageContext } from './storage-scope.ts';
import { readContentType, valueHeaders } from './value-headers.ts';

/** The key is the rest of the path; or, for clients whose URLs get normalised on their way, in the query. */
const VALUE_PATH = '/v1/kv/:namespace/*';
const NAMESPACE_PATH = '/v1/kv/:namespace';
const SLASHES_BEFORE_KEY = 4;
const ORIGIN = /^https?:\/\/[^/]*/i;

const tags = ['storage'];
const keyText = `1 to ${KEY_MAX_BYTES} bytes of UTF-8, any character; percent-decoded once, never normalised`;
const pathNamespace = namespaceSchema.describe('[a-z0-9-]{1,64}');
const pathParams = z.object({ namespace: pathNamespace, '*': z.string().describe(keyText) });
const namespaceParams = z.object({ namespace: pathNamespace });
const nameQuery = z.object({
  namespace: namespaceSchema.optional().describe('may repeat the one in the path'),
  key: z
    .string()
    .optional()
    .describe('the key, where the path has none: proxies and URL libraries rewrite paths'),
});
const readQuery = nameQuery.extend({
  consistency: z
    .enum(['one', 'majority'])
    .optional()
    .describe(
      '`majority`: fail where no majority answers; `one`: the nearest copy; else the best copy, if need be degraded',
    ),
});
const writeQuery = nameQuery.extend({
  durability: z
    .enum(['one', 'majority', 'all'])
    .optional()
    .describe('home replicas that must have it on disk; `majority` unless said'),
});
const putQuery = writeQuery.extend({
  ttl: z
    .string()
    .optional()
    .describe('seconds, or a duration like 90s, 30m, 1h30m, 7d; for ever when missing'),
});
const listQuery = readQuery.extend({
  prefix: prefixSchema.optional(),
  limit: limitSchema.optional(),
  cursor: cursorSchema.optional(),
});

const etagsText = 'entity tags with their quotes, separated by commas, or *';
const readHeaders = z.object({
  'if-match': z.string().optional().describe(`${etagsText}; 412 when the value has none of them`),
  'if-none-match': z.string().optional().describe(`${etagsText}; 304 when the value has one of them`),
});
const writeHeaders = z.object({
  'if-match': z.string().optional().describe(`${etagsText}; 412 when the value has none of them`),
  'if-none-match': z.string().optional().describe('only *: 412 when there is a value'),
  'if-unmodified-since': z.string().optional().describe('refused: too coarse'),
});
const deleteHeaders = writeHeaders.omit({ 'if-none-match': true }).extend({
  'if-none-match': z.string().optional().describe('refused: it makes no sense here'),
});

const valueResponse = {
  description:
    'The bytes, with the Content-Type they came with; Maillon-Degraded: true when no majority was asked',
  content: { '*/*': { schema: z.unknown().meta({ type: 'string', format: 'binary' }) } },
};
const unchangedResponse = z.null().describe('The value is one that If-None-Match names');
const body = z
  .unknown()
  .meta({ type: 'string', format: 'binary', description: `the value, at most ${VALUE_MAX_BYTES} bytes` });

const putSchema = {
  summary: 'Store a value',
  tags,
  consumes: ['*/*'],
  querystring: putQuery,
  headers: writeHeaders,
  body,
  response: {
    200: writtenSchema,
    201: writtenSchema.describe('Stored by a request with If-None-Match: *, so there was no value before'),
    ...errorResponses,
  },
};
const getSchema = {
  summary: 'Read a value',
  tags,
  querystring: readQuery,
  headers: readHeaders,
  response: { 200: valueResponse, 304: unchangedResponse, ...errorResponses },
};
const headSchema = {
  ...getSchema,
  summary: 'What is known of a value, in headers; an error is named by Maillon-Error',
};
const deleteSchema = {
  summary: 'Delete a value: leaves a tombstone, also where there was none',
  tags,
  querystring: writeQuery,
  headers: deleteHeaders,
  response: { 200: writtenSchema, ...errorResponses },
};
const listSchema = {
  summary: 'Values of a namespace in bytewise order of their keys; with ?key= the value of that key',
  tags,
  querystring: listQuery,
  headers: readHeaders,
  response: { 200: listPageSchema, 304: unchangedResponse, ...errorResponses },
};

/** What the handlers take of a request; the schemas above hold it to that. */
type ValueRequest<Query> = FastifyRequest<{
  Params: { namespace: string; '*'?: string };
  Querystring: Query & z.output<typeof nameQuery>;
}>;

export function kvRoutes(app: Routes, context: Pick<StorageContext, 'holdValue'>): void {
  const put = putHandler();
  const read = readHandler(context);
  const remove = deleteHandler();
  const inPath = { params: pathParams };
  const inQuery = { params: namespaceParams };
  const config = { readsNamespace: 'values' as const };
  const described = { config: { ...config, swagger: { exposeHeadRoute: true } } };
  const forPut = { bodyLimit: VALUE_MAX_BYTES, onRequest: checkType };

  app.put(VALUE_PATH, { ...forPut, schema: { ...putSchema, ...inPath, operationId: 'putValue' } }, put);
  app.put(
    NAMESPACE_PATH,
    { ...forPut, schema: { ...putSchema, ...inQuery, operationId: 'putValueByQuery' } },
    put,
  );
  app.head(
    VALUE_PATH,
    { ...described, schema: { ...headSchema, ...inPath, operationId: 'headValue' } },
    read,
  );
  app.head(
    NAMESPACE_PATH,
    { ...described, schema: { ...headSchema, ...inQuery, operationId: 'headValueByQuery' } },
    read,
  );
  app.delete(VALUE_PATH, { schema: { ...deleteSchema, ...inPath, operationId: 'deleteValue' } }, remove);
  app.delete(
    NAMESPACE_PATH,
    { schema: { ...deleteSchema, ...inQuery, operationId: 'deleteValueByQuery' } },
    remove,
  );
  app.get(
    VALUE_PATH,
    { config, exposeHeadRoute: false, schema: { ...getSchema, ...inPath, operationId: 'getValue' } },
    read,
  );
  app.get(
    NAMESPACE_PATH,
    { config, exposeHeadRoute: false, schema: { ...listSchema, ...inQuery, operationId: 'listValues' } },
    async (request, reply) => {
      const { query, params } = request;
      if (query.key !== undefined) return read(request, reply);
      const namespace = oneNamespace(params.namespace, query.namespace) ?? params.namespace;
      const { prefix = '', limit = LIST_DEFAULT, cursor } = query;
      const page = await request.acting.storage.list({
        owner: '',
        namespace,
        prefix,
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      return reply.send({ entries: page.entries.map(toListEntry), cursor: page.cursor });
    },
  );
}

/** Before the body is read: the library would refuse a type that is none as 415. */
async function checkType({ headers }: FastifyRequest): Promise<void> {
  readContentType(headers['content-type']);
}

function putHandler() {
  return async (
    request: ValueRequest<{ ttl?: string | undefined; durability?: Durability | undefined }>,
    reply: FastifyReply,
  ) => {
    const name = nameOf(request);
    const { ttl, durability } = request.query;
    const options = {
      contentType: readContentType(request.headers['content-type']),
      ...(ttl === undefined ? {} : { ttlMs: parseTtl(ttl) }),
      ...(durability === undefined ? {} : { durability }),
    };
    const value = bytesOf(request.body);
    const precondition = writePrecondition(request.headers);
    const { storage } = request.acting;
    const receipt = await writeIf(storage, name, precondition, (condition) =>
      storage.put(name, value, { ...options, ...condition }),
    );
    void reply.header('etag', receipt.etag);
    // of any other write it is not known, nor asked, whether there was a value
    const status = precondition?.kind === 'absent' ? 201 : 200;
    return reply.code(status).send(toWritten(shownName(request, name), receipt));
  };
}

/** GET and HEAD: the library leaves the body of the latter out, its length stays. */
function readHandler({ holdValue }: Pick<StorageContext, 'holdValue'>) {
  return async (request: ValueRequest<{ consistency?: Consistency | undefined }>, reply: FastifyReply) => {
    const { consistency } = request.query;
    const ifMatch = parseEtags(request.headers['if-match']);
    const ifNoneMatch = parseEtags(request.headers['if-none-match']);
    const record = await request.acting.storage.get(
      nameOf(request),
      consistency === undefined ? {} : { consistency },
    );
    if (record === null) {
      if (ifMatch !== undefined) throw notMet();
      throw new GatewayError('not_found', 'there is no value under this key');
    }
    if (ifMatch !== undefined && !matchesStrongly(ifMatch, record.etag)) throw notMet(record.etag);
    void reply.headers(valueHeaders(record));
    if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, record.etag)) return reply.code(304).send();
    if (request.method === 'HEAD') {
      void reply.header('content-length', String(record.size));
      return reply.send();
    }
    holdValue(reply, record.size);
    return reply.send(bodyOf(record));
  };
}

function deleteHandler() {
  return async (request: ValueRequest<{ durability?: Durability | undefined }>, reply: FastifyReply) => {
    const name = nameOf(request);
    const { durability } = request.query;
    const precondition = writePrecondition(request.headers);
    if (precondition?.kind === 'absent') {
      throw new GatewayError('bad_request', 'If-None-Match makes no sense with DELETE: use If-Match');
    }
    const { storage } = request.acting;
    const receipt = await writeIf(storage, name, precondition, ({ ifVersion }) =>
      storage.delete(name, {
        ...(durability === undefined ? {} : { durability }),
        ...(ifVersion === undefined ? {} : { ifVersion }),
      }),
    );
    void reply.header('etag', receipt.etag);
    return reply.send(toWritten(shownName(request, name), receipt));
  };
}

/** With its namespace as the client calls it. */
function shownName(request: FastifyRequest, name: RecordName): RecordName {
  return { ...name, namespace: ownNamespace(request) ?? name.namespace };
}

function nameOf({ raw, params, query }: ValueRequest<object>): RecordName {
  const namespace = oneNamespace(params.namespace, query.namespace) ?? params.namespace;
  const hasPath = params['*'] !== undefined;
  if (hasPath && query.key !== undefined) {
    throw new GatewayError('bad_key', 'the key is in the path: leave ?key= out');
  }
  const key = hasPath ? keyInPath(raw.url ?? '') : query.key;
  if (key === undefined) throw new GatewayError('bad_key', 'key: is missing');
  checkKey(key);
  return { owner: '', namespace, key };
}

/**
 * The rest of the path as it was sent, decoded once. The router's own parameter went through a decoder for whole URLs, for
 * which a key is not what it is here.
 */
export function keyInPath(url: string): string {
  const [path = ''] = url.replace(ORIGIN, '').split('?', 1);
  let start = 0;
  for (let slashes = 0; slashes < SLASHES_BEFORE_KEY; slashes += 1) start = path.indexOf('/', start) + 1;
  const text = path.slice(start);
  const key = text.includes('#') ? null : percentDecode(text);
  if (key === null) throw new GatewayError('bad_key', 'key must be percent-encoded UTF-8');
  return key;
}

/** A request without a body stores an empty value. */
export function bytesOf(requestBody: unknown): Uint8Array {
  return requestBody instanceof Uint8Array ? requestBody : new Uint8Array();
}

/** A value at once where its record holds it, or as it comes. */
export function bodyOf({ value, read }: Pick<StoredRecord, 'value' | 'read'>): Buffer | Readable {
  if (value === null) return Readable.from(read(), { objectMode: false });
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
