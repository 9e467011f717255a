/** Blobs by their CID. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durability, PutOptions } from '../../../node/index.ts';
import { BLOB_MAX_BYTES } from '../../../protocols/blobs/constants.ts';
import { cidText } from '../../../protocols/common/block-cid.ts';
import { parseTtl } from '../../core/duration.ts';
import { LIST_DEFAULT } from '../../core/limits.ts';
import { DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import { matchesWeakly, parseEtags } from '../core/conditions.ts';
import { ownNamespace } from '../core/credentials.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import {
  cidSchema,
  cursorSchema,
  limitSchema,
  toWritten,
  ttlSchema,
  uploadIdSchema,
  writtenSchema,
} from '../kv/storage-schemas.ts';
import { checkNoBody, sizeOf, sourceOf, TAKES_VALUES } from '../kv/store-value.ts';
import { completeUpload, makeOf } from '../kv/uploads-under-way.ts';
import { readContentType, valueHeaders } from '../kv/value-headers.ts';
import { sendValue } from '../kv/value-stream.ts';
import { PIN_PREFIX, type Pin, type Pinned, pinName, readPin, takeBlob, writePin } from './pins.ts';

const PATH = '/v1/blobs';
const PATH_OF_ONE = `${PATH}/:cid`;
/** A blob's content never changes; its readers may cache it. */
const CACHE_CONTROL = 'private, max-age=31536000, immutable';

const tags = ['storage', 'blobs'];
const namespaceQuery = z.object({ namespace: namespaceSchema.optional() });
const writeQuery = namespaceQuery.extend({
  durability: z
    .enum(['one', 'majority', 'all'])
    .optional()
    .describe('replicas that must have it on disk; `majority` unless said'),
});
const params = z.object({ cid: cidSchema });
const pinnedSchema = writtenSchema
  .extend({ cid: z.string(), size: z.int().min(0) })
  .meta({ id: 'PinnedBlob', description: 'A blob, and the write of the record that pins it' });
const listSchema = z
  .object({
    blobs: z.array(
      z.object({
        cid: z.string(),
        size: z.int().min(0),
        contentType: z.string().describe('empty for application/octet-stream'),
        expiresAt: z.int().nullable().describe('when it is gone; null for never'),
      }),
    ),
    cursor: z.string().nullable().describe('for the next page; null at the end'),
  })
  .meta({ id: 'BlobList' });
const blobResponse = {
  description: 'The bytes, with the Content-Type they came with',
  content: { '*/*': { schema: z.unknown().meta({ type: 'string', format: 'binary' }) } },
};

const putSchema = {
  summary: 'Keep bytes under their CID',
  description:
    'The same bytes once more have the same CID: a retry does no harm, so there is no Idempotency-Key.',
  operationId: 'putBlob',
  tags,
  consumes: ['*/*'],
  querystring: writeQuery.extend({
    ttl: ttlSchema.optional(),
    upload: uploadIdSchema.optional().describe('a complete upload that is kept; there is no body then'),
  }),
  body: z
    .unknown()
    .meta({ type: 'string', format: 'binary', description: `the bytes, at most ${BLOB_MAX_BYTES}` }),
  response: { 201: pinnedSchema, ...errorResponses },
};
const getSchema = {
  summary: 'Read a blob that is pinned in the namespace',
  operationId: 'getBlob',
  tags,
  querystring: namespaceQuery,
  params,
  headers: z.object({
    range: z.string().optional().describe('one range of bytes, as in bytes=0-1023: 206 with that part'),
    'if-range': z.string().optional().describe('the ETag, which is the CID in quotes'),
    'if-none-match': z.string().optional().describe('304 where it is the CID in quotes'),
  }),
  response: {
    200: blobResponse,
    206: { ...blobResponse, description: 'The part that Range asks for' },
    304: z.null().describe('It is the one that If-None-Match names'),
    ...errorResponses,
  },
};
const headSchema = { ...getSchema, summary: 'What is known of a blob, in headers', operationId: 'headBlob' };
const deleteSchema = {
  summary: 'Unpin a blob',
  operationId: 'deleteBlob',
  tags,
  querystring: writeQuery,
  params,
  response: { 200: writtenSchema, ...errorResponses },
};
const listRoute = {
  summary: 'What is pinned in a namespace, in the order of the CIDs',
  operationId: 'listBlobs',
  tags,
  querystring: namespaceQuery.extend({ limit: limitSchema.optional(), cursor: cursorSchema.optional() }),
  response: { 200: listSchema, ...errorResponses },
};

type BlobContext = Pick<StorageContext, 'holdValue' | 'transfers'>;
type OneRequest = FastifyRequest<{
  Params: z.output<typeof params>;
  Querystring: z.output<typeof namespaceQuery>;
}>;

export function blobRoutes(app: Routes, context: BlobContext): void {
  const config = { readsNamespace: 'values' as const };

  app.post(PATH, { ...TAKES_VALUES, onRequest: checkType, schema: putSchema }, async (request, reply) => {
    const { namespace = DEFAULT_NAMESPACE, ttl, durability, upload } = request.query;
    const contentType = readContentType(request.headers['content-type']);
    const options = { contentType, ...optionsOf({ ttl, durability }) };
    const pin = { namespace, options };
    const { name, link, receipt } =
      upload === undefined
        ? await pinBody(context, reply, pin)
        : await pinUpload(context, reply, { ...pin, upload });
    void reply.header('location', `${PATH}/${cidText(link.cid)}`);
    const written = toWritten({ ...name, namespace: ownNamespace(request) ?? namespace }, receipt);
    return reply.code(201).send({ ...written, cid: cidText(link.cid), size: link.size });
  });

  const read = async (request: OneRequest, reply: FastifyReply) => {
    const { namespace = DEFAULT_NAMESPACE } = request.query;
    const { cid } = request.params;
    const record = await readPin(request.acting.storage, namespace, cid);
    const etag = `"${cid}"`;
    const headers = { ...valueHeaders(record), etag, 'cache-control': CACHE_CONTROL };
    const ifNoneMatch = parseEtags(request.headers['if-none-match']);
    if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, etag)) {
      return reply.headers(headers).code(304).send();
    }
    return sendValue(context, reply, { record, etag, headers, namespace });
  };
  const described = { ...config, swagger: { exposeHeadRoute: true } };
  app.head(PATH_OF_ONE, { config: described, schema: headSchema }, read);
  app.get(PATH_OF_ONE, { config, exposeHeadRoute: false, schema: getSchema }, read);

  app.delete(PATH_OF_ONE, { schema: deleteSchema }, async (request, reply) => {
    const { namespace = DEFAULT_NAMESPACE, durability } = request.query;
    const name = pinName(namespace, request.params.cid);
    const receipt = await request.acting.storage.delete(name, optionsOf({ durability }));
    return reply.send(toWritten({ ...name, namespace: ownNamespace(request) ?? namespace }, receipt));
  });

  app.get(PATH, { config, exposeHeadRoute: false, schema: listRoute }, async ({ query, acting }) => {
    const { namespace = DEFAULT_NAMESPACE, limit = LIST_DEFAULT, cursor } = query;
    const page = await acting.storage.list({
      owner: '',
      namespace,
      prefix: PIN_PREFIX,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const blobs = page.entries.map(({ key, size, contentType, expiresAt }) => {
      return { cid: key.slice(PIN_PREFIX.length), size, contentType, expiresAt };
    });
    return { blobs, cursor: page.cursor };
  });
}

/** Before the body is read: the library would refuse a malformed type with 415. */
async function checkType({ headers }: FastifyRequest): Promise<void> {
  readContentType(headers['content-type']);
}

function optionsOf({
  ttl,
  durability,
}: {
  readonly ttl?: string | undefined;
  readonly durability?: Durability | undefined;
}): PutOptions {
  return {
    ...(ttl === undefined ? {} : { ttlMs: parseTtl(ttl) }),
    ...(durability === undefined ? {} : { durability }),
  };
}

async function pinBody(
  { transfers }: BlobContext,
  reply: FastifyReply,
  pin: Omit<Pin, 'link'>,
): Promise<Pinned> {
  const { body, acting } = reply.request;
  const signal = transfers.beginIn(reply, pin.namespace);
  const take = { source: sourceOf(body, signal), signal, ...sizeOf(body) };
  const { link, end } = await takeBlob(acting.storage, pin.namespace, take);
  try {
    return await writePin(acting.storage, { ...pin, link, options: { ...pin.options, signal } });
  } finally {
    await end();
  }
}

async function pinUpload(
  { transfers }: BlobContext,
  reply: FastifyReply,
  { upload: id, ...pin }: Omit<Pin, 'link'> & { readonly upload: string },
): Promise<Pinned> {
  const { body, acting } = reply.request;
  checkNoBody(body);
  const upload = acting.storage.resumeUpload({ owner: '', namespace: pin.namespace }, id);
  const link = completeUpload(upload);
  const signal = transfers.beginIn(reply, pin.namespace);
  const options = { ...pin.options, signal };
  return makeOf(upload, async () => writePin(acting.storage, { ...pin, link, options }));
}
