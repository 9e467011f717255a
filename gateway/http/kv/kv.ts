import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Consistency, Durability, RecordName } from '../../../node/index.ts';
import { BLOB_MAX_BYTES } from '../../../protocols/blobs/constants.ts';
import { INLINE_MAX_BYTES, KEY_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import { checkKey } from '../../../protocols/storage/keys.ts';
import { parseTtl } from '../../core/duration.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIST_DEFAULT } from '../../core/limits.ts';
import { oneNamespace } from '../../core/names.ts';
import { errorResponses, namespaceSchema } from '../../core/schemas.ts';
import {
  matchesStrongly,
  matchesWeakly,
  notMet,
  parseEtags,
  writeIf,
  writePrecondition,
} from '../core/conditions.ts';
import { ownNamespace } from '../core/credentials.ts';
import { percentDecode } from '../core/percent.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from './storage-context.ts';
import {
  cursorSchema,
  limitSchema,
  listPageSchema,
  prefixSchema,
  toListEntry,
  toWritten,
  ttlSchema,
  uploadIdSchema,
  writtenSchema,
} from './storage-schemas.ts';
import { storeBody, storeUpload, TAKES_VALUES } from './store-value.ts';
import { readContentType, valueHeaders } from './value-headers.ts';
import { sendValue } from './value-stream.ts';

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
    .describe('replicas that must have it on disk; `majority` unless said'),
});
const putQuery = writeQuery.extend({
  ttl: ttlSchema.optional(),
  upload: uploadIdSchema
    .optional()
    .describe('a complete upload, which becomes the value; there is no body then'),
});
const listQuery = readQuery.extend({
  prefix: prefixSchema.optional(),
  limit: limitSchema.optional(),
  cursor: cursorSchema.optional(),
});

const etagsText = 'entity tags with their quotes, separated by commas, or *';
const readHeaders = z.object({
  range: z.string().optional().describe('one range of bytes, as in bytes=0-1023: 206 with that part'),
  'if-range': z.string().optional().describe('an ETag: all of the value when it has another one'),
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
const partResponse = {
  ...valueResponse,
  description: 'The part that Range asks for; Content-Range says which it is',
};
const unchangedResponse = z.null().describe('The value is one that If-None-Match names');
const body = z.unknown().meta({
  type: 'string',
  format: 'binary',
  description:
    `the value, at most ${BLOB_MAX_BYTES} bytes; one of more than ${INLINE_MAX_BYTES} is streamed, with Expect: 100-continue ` +
    'once it is wanted. Idempotency-Key is not needed: the same value once more changes its ETag only, and If-None-Match: * lets it be stored once',
});

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
  response: { 200: valueResponse, 206: partResponse, 304: unchangedResponse, ...errorResponses },
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

/** Parts of a request that the handlers use; the schemas above enforce them. */
type ValueRequest<Query> = FastifyRequest<{
  Params: { namespace: string; '*'?: string };
  Querystring: Query & z.output<typeof nameQuery>;
}>;

type KvContext = Pick<StorageContext, 'holdValue' | 'transfers'>;

export function kvRoutes(app: Routes, context: KvContext): void {
  const put = putHandler(context);
  const read = readHandler(context);
  const remove = deleteHandler();
  const inPath = { params: pathParams };
  const inQuery = { params: namespaceParams };
  const config = { readsNamespace: 'values' as const };
  const described = { config: { ...config, swagger: { exposeHeadRoute: true } } };
  const forPut = { ...TAKES_VALUES, onRequest: checkType };

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
      const { degraded, copies } = page;
      if (degraded) void reply.header('maillon-degraded', 'true');
      const entries = page.entries.map(toListEntry);
      return reply.send({ entries, cursor: page.cursor, degraded, copies: { ...copies } });
    },
  );
}

/** Before the body is read: the library would refuse a malformed type with 415. */
async function checkType({ headers }: FastifyRequest): Promise<void> {
  readContentType(headers['content-type']);
}

interface PutQuery {
  readonly ttl?: string | undefined;
  readonly durability?: Durability | undefined;
  readonly upload?: string | undefined;
}

function putHandler(context: KvContext) {
  return async (request: ValueRequest<PutQuery>, reply: FastifyReply) => {
    const name = nameOf(request);
    const { ttl, durability, upload } = request.query;
    const options = {
      contentType: readContentType(request.headers['content-type']),
      ...(ttl === undefined ? {} : { ttlMs: parseTtl(ttl) }),
      ...(durability === undefined ? {} : { durability }),
    };
    const precondition = writePrecondition(request.headers);
    const write = { name, options, precondition };
    const receipt =
      upload === undefined
        ? await storeBody(context, reply, write)
        : await storeUpload(context, reply, { ...write, upload });
    void reply.header('etag', receipt.etag);
    // of any other write it is not known, nor asked, whether there was a value
    const status = precondition?.kind === 'absent' ? 201 : 200;
    return reply.code(status).send(toWritten(shownName(request, name), receipt));
  };
}

/** GET and HEAD: the library leaves the body of the latter out, its length stays. */
function readHandler(context: KvContext) {
  return async (request: ValueRequest<{ consistency?: Consistency | undefined }>, reply: FastifyReply) => {
    const { consistency } = request.query;
    const ifMatch = parseEtags(request.headers['if-match']);
    const ifNoneMatch = parseEtags(request.headers['if-none-match']);
    const name = nameOf(request);
    const record = await request.acting.storage.get(name, consistency === undefined ? {} : { consistency });
    if (record === null) {
      if (ifMatch !== undefined) throw notMet();
      throw new GatewayError('not_found', 'there is no value under this key');
    }
    const { etag } = record;
    if (ifMatch !== undefined && !matchesStrongly(ifMatch, etag)) throw notMet(etag);
    const headers = valueHeaders(record);
    if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, etag)) {
      return reply.headers(headers).code(304).send();
    }
    return sendValue(context, reply, { record, etag, headers, namespace: name.namespace });
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
