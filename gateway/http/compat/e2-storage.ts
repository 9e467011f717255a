/** Files by their CID, as DeBros clients of the second generation (E2) keep them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Holder } from '../../../node/index.ts';
import type { BlobLink } from '../../../protocols/blobs/index.ts';
import { cidText, parseCid } from '../../../protocols/common/block-cid.ts';
import { GatewayError } from '../../core/errors.ts';
import { E2_JSON_MAX_BYTES, E2_UNPINNED_LIFE_MS } from '../../core/limits.ts';
import { base64Schema, DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import { issueError } from '../../core/validation.ts';
import { pinName, readPin, type TakenBlob, takeBlob, writePin } from '../blobs/pins.ts';
import { parseJson } from '../core/body.ts';
import type { Routes } from '../core/routes.ts';
import { tooLarge } from '../core/streamed-body.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import { cidSchema } from '../kv/storage-schemas.ts';
import { bytesOf, sourceOf, TAKES_VALUES } from '../kv/store-value.ts';
import { harmlessHeaders, readContentType } from '../kv/value-headers.ts';
import { sendValue } from '../kv/value-stream.ts';
import { dispositionOf, splitName, withName } from './file-names.ts';
import { isForm, readForm } from './form.ts';

const JSON_TYPE = /^application\/json[\t ]*(;|$)/i;
/** Form field. */
const FILE_FIELD = 'file';

const tags = ['storage', 'debros'];
const querystring = z.object({ namespace: namespaceSchema.optional() });
const params = z.object({ cid: cidSchema });
const uploadBody = z.object({ name: z.string().default(''), data: base64Schema });
const pinBody = z.object({ cid: cidSchema, name: z.string().optional() });

const uploadSchema = {
  summary: 'Keep a file under its CID',
  description: `A form with the field file, and pin=false to keep it for a day only; or JSON {name, data} with data in base64, at most ${E2_JSON_MAX_BYTES} bytes. The name is told as far as it is kept.`,
  operationId: 'e2Upload',
  tags,
  consumes: ['multipart/form-data', 'application/json'],
  querystring,
  body: z.unknown().meta({
    type: 'object',
    properties: { name: { type: 'string' }, data: { type: 'string', contentEncoding: 'base64' } },
  }),
  response: {
    200: z.object({ cid: z.string(), name: z.string(), size: z.int().min(0) }),
    ...errorResponses,
  },
};
const pinSchema = {
  summary: 'Keep for ever what was uploaded',
  operationId: 'e2Pin',
  tags,
  consumes: ['application/json'],
  querystring,
  body: z
    .unknown()
    .meta({ type: 'object', properties: { cid: { type: 'string' }, name: { type: 'string' } } }),
  response: { 200: z.object({ cid: z.string(), name: z.string() }), ...errorResponses },
};
const statusSchema = {
  summary: 'Who has a file',
  operationId: 'e2Status',
  tags,
  querystring,
  params,
  response: {
    200: z.object({
      cid: z.string(),
      name: z.string(),
      status: z
        .enum(['pinned', 'pinning', 'queued', 'unpinned'])
        .describe('pinned: replication_min nodes have all of it'),
      replication_min: z.int().min(0),
      replication_max: z.int().min(0),
      replication_factor: z.int().min(0).describe('nodes that have all of it'),
      peers: z.array(z.string()).describe('their ids'),
    }),
    ...errorResponses,
  },
};
const getSchema = {
  summary: 'Read a file',
  operationId: 'e2Get',
  tags,
  querystring,
  params,
  response: {
    200: {
      description: 'The bytes',
      content: { '*/*': { schema: z.unknown().meta({ type: 'string', format: 'binary' }) } },
    },
    ...errorResponses,
  },
};
const unpinSchema = {
  summary: 'Do not keep a file any more',
  operationId: 'e2Unpin',
  tags,
  querystring,
  params,
  response: { 200: z.object({ status: z.literal('ok'), cid: z.string() }), ...errorResponses },
};

type E2Context = Pick<StorageContext, 'holdValue' | 'transfers'>;
type OneRequest = FastifyRequest<{
  Params: z.output<typeof params>;
  Querystring: z.output<typeof querystring>;
}>;

export function e2StorageRoutes(app: Routes, context: E2Context): void {
  const config = { readsNamespace: 'values' as const };

  app.post('/v1/storage/upload', { ...TAKES_VALUES, schema: uploadSchema }, async (request, reply) => {
    const { namespace = DEFAULT_NAMESPACE } = request.query;
    const { link, name } = await upload(context, reply, namespace);
    return { cid: cidText(link.cid), name, size: link.size };
  });

  app.post('/v1/storage/pin', { schema: pinSchema }, async ({ query, acting, body }) => {
    const { namespace = DEFAULT_NAMESPACE } = query;
    const { cid, name } = read(pinBody, body);
    const record = await readPin(acting.storage, namespace, cid);
    const contentType = withName(record.contentType, name ?? splitName(record.contentType).name);
    const link = { cid: parseCid(cid) ?? new Uint8Array(), size: record.size };
    await writePin(acting.storage, { namespace, link, options: { contentType } });
    return { cid, name: splitName(contentType).name };
  });

  app.get(
    '/v1/storage/status/:cid',
    { config, schema: statusSchema, exposeHeadRoute: false },
    async ({ query, params: { cid }, acting }: OneRequest) => {
      const { namespace = DEFAULT_NAMESPACE } = query;
      const name = pinName(namespace, cid);
      const record = await acting.storage.get(name);
      if (record?.blob !== cid) return { cid, name: '', ...UNPINNED };
      const { holders } = await acting.storage.where(name);
      return { cid, name: splitName(record.contentType).name, ...replicationOf(holders) };
    },
  );

  app.get(
    '/v1/storage/get/:cid',
    { config, schema: getSchema, exposeHeadRoute: false },
    async ({ query, params: { cid }, acting }: OneRequest, reply) => {
      const { namespace = DEFAULT_NAMESPACE } = query;
      const record = await readPin(acting.storage, namespace, cid);
      const { contentType, name } = splitName(record.contentType);
      const etag = `"${cid}"`;
      const headers = { ...harmlessHeaders(contentType), etag, 'content-disposition': dispositionOf(name) };
      return sendValue(context, reply, { record, etag, headers, namespace });
    },
  );

  app.delete(
    '/v1/storage/unpin/:cid',
    { schema: unpinSchema },
    async ({ query, params: { cid }, acting }: OneRequest) => {
      const { namespace = DEFAULT_NAMESPACE } = query;
      await readPin(acting.storage, namespace, cid);
      await acting.storage.delete(pinName(namespace, cid));
      return { status: 'ok' as const, cid };
    },
  );
}

const UNPINNED = {
  status: 'unpinned' as const,
  replication_min: 0,
  replication_max: 0,
  replication_factor: 0,
  peers: [],
};

function replicationOf(holders: readonly Holder[]) {
  const replicaSet = holders.filter(({ role }) => role === 'replica').length;
  const peers = holders.filter(({ isWhole }) => isWhole === true).map(({ id }) => id);
  const least = Math.floor(replicaSet / 2) + 1;
  const begun = peers.length === 0 ? ('queued' as const) : ('pinning' as const);
  return {
    status: peers.length >= least ? ('pinned' as const) : begun,
    replication_min: least,
    replication_max: replicaSet,
    replication_factor: peers.length,
    peers,
  };
}

/** The name as far as it is kept. */
interface Uploaded {
  readonly link: BlobLink;
  readonly name: string;
}

async function upload(context: E2Context, reply: FastifyReply, namespace: string): Promise<Uploaded> {
  const contentType = reply.request.headers['content-type'] ?? '';
  if (isForm(contentType)) return uploadForm(context, reply, { namespace, contentType });
  if (JSON_TYPE.test(contentType)) return uploadJson(context, reply, namespace);
  const message = 'send the file as a form (multipart/form-data), or as JSON {name, data}';
  throw new GatewayError('unsupported_media_type', message);
}

async function uploadForm(
  { transfers }: E2Context,
  reply: FastifyReply,
  { namespace, contentType: formType }: { readonly namespace: string; readonly contentType: string },
): Promise<Uploaded> {
  const { body, acting } = reply.request;
  const signal = transfers.beginIn(reply, namespace);
  let blob: TakenBlob | null = null;
  try {
    const { taken, fields } = await readForm({
      contentType: formType,
      source: sourceOf(body, signal),
      field: FILE_FIELD,
      take: async (file) => {
        const contentType = withName(readContentType(file.contentType), file.name);
        blob = await takeBlob(acting.storage, namespace, { source: file.bytes, signal });
        return { contentType, link: blob.link };
      },
    });
    const { link, contentType } = taken;
    const life = fields.get('pin') === 'false' ? { ttlMs: E2_UNPINNED_LIFE_MS } : {};
    await writePin(acting.storage, { namespace, link, options: { contentType, ...life, signal } });
    return { link, name: splitName(contentType).name };
  } finally {
    await (blob as TakenBlob | null)?.end();
  }
}

async function uploadJson(
  { transfers, holdValue }: E2Context,
  reply: FastifyReply,
  namespace: string,
): Promise<Uploaded> {
  const { body, acting } = reply.request;
  const signal = transfers.beginIn(reply, namespace);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of sourceOf(body, signal)) {
    size += chunk.byteLength;
    if (size > E2_JSON_MAX_BYTES) throw tooLarge(E2_JSON_MAX_BYTES);
    holdValue(reply, chunk.byteLength);
    chunks.push(chunk);
  }
  const { name, data } = read(uploadBody, Buffer.concat(chunks));
  const contentType = withName('', name);
  const take = { source: sourceOf(data, signal), signal, size: data.byteLength };
  const { link, end } = await takeBlob(acting.storage, namespace, take);
  try {
    await writePin(acting.storage, { namespace, link, options: { contentType, signal } });
    return { link, name: splitName(contentType).name };
  } finally {
    await end();
  }
}

/** Their clients' JSON comes as bytes. */
function read<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const found = schema.safeParse(parseJson(bytesOf(body)));
  if (found.success) return found.data;
  throw issueError(
    found.error.issues.map(({ code, path, message }) => ({ code, path, message })),
    'bad_request',
  );
}
