/**
 * Uploads that survive a connection, after draft-ietf-httpbis-resumable-upload-12 (interop version 8): one is made first, goes on with
 * PATCH from where it stood, and is made a value when it is complete.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BLOB_MAX_BYTES } from '../../../protocols/blobs/constants.ts';
import { cidText } from '../../../protocols/common/block-cid.ts';
import { GatewayError } from '../../core/errors.ts';
import { UPLOAD_CHUNK_BYTES } from '../../core/limits.ts';
import { DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import type { Routes } from '../core/routes.ts';
import { tooLarge } from '../core/streamed-body.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import { uploadIdSchema } from '../kv/storage-schemas.ts';
import { checkNoBody, sizeOf, sourceOf, TAKES_VALUES } from '../kv/store-value.ts';
import { endingRefused, type Upload, UploadsUnderWay } from '../kv/uploads-under-way.ts';

const PATH = '/v1/uploads';
const PATH_OF_ONE = `${PATH}/:id`;
const INTEGER = /^\d{1,15}$/;
const IS_COMPLETE = '?1';
const IS_INCOMPLETE = '?0';
/** For the draft's clients; others need not say it. */
const LIMIT = `max-size=${BLOB_MAX_BYTES}`;

const tags = ['storage', 'uploads'];
const querystring = z.object({ namespace: namespaceSchema.optional() });
const params = z.object({ id: uploadIdSchema });
const uploadSchema = z
  .object({
    id: z.string(),
    offset: z.int().min(0).describe('bytes that are kept: what comes next begins here'),
    complete: z.boolean(),
    cid: z.string().nullable().describe('once it is complete'),
  })
  .meta({ id: 'Upload', description: 'The headers Upload-Offset and Upload-Complete say the same' });
const appendHeaders = z.object({
  'upload-offset': z.string().optional().describe('where in the whole the body begins'),
  'upload-complete': z.string().optional().describe('?1: the body is the end of it; ?0: more will come'),
});

const createHeaders = z.object({
  'upload-length': z
    .string()
    .optional()
    .describe('bytes of the whole, where they are known: what cannot fit is refused now'),
});

const createSchema = {
  summary: 'Begin an upload that can be gone on with',
  description:
    'It ends by itself when nobody goes on with it for storage.uploadLifeMs (10 minutes unless set otherwise), after 2 minutes where nothing came ' +
    'of it, and at once when it is refused with over_quota, no_room or too_large. Its room is free again then.',
  operationId: 'beginUpload',
  tags,
  querystring,
  headers: createHeaders,
  response: { 201: uploadSchema, ...errorResponses },
};
const getSchema = {
  summary: 'How far an upload is',
  operationId: 'getUpload',
  tags,
  querystring,
  params,
  response: { 200: uploadSchema, ...errorResponses },
};
const appendSchema = {
  summary: 'Go on with an upload',
  description:
    'After draft-ietf-httpbis-resumable-upload-12. 409 with Upload-Offset where the upload goes on elsewhere. What came before a ' +
    `connection broke is kept, in chunks of ${UPLOAD_CHUNK_BYTES} bytes; with Upload-Complete: ?0 so is what fills a chunk: Upload-Offset says ` +
    'from where the rest has to come again. Once it is complete, PUT /v1/kv/{namespace}/{key}?upload={id} or POST /v1/blobs?upload={id} keeps ' +
    'what was uploaded. A later request for the same upload ends an earlier one.',
  operationId: 'appendUpload',
  tags,
  consumes: ['application/partial-upload', 'application/octet-stream'],
  querystring,
  params,
  headers: appendHeaders,
  body: z.unknown().meta({ type: 'string', format: 'binary', description: 'the bytes that come next' }),
  response: { 200: uploadSchema, ...errorResponses },
};
const cancelSchema = {
  summary: 'Give an upload up',
  operationId: 'cancelUpload',
  tags,
  querystring,
  params,
  response: { 204: z.null().describe('It is gone'), ...errorResponses },
};

type OneRequest = FastifyRequest<{
  Params: z.output<typeof params>;
  Querystring: z.output<typeof querystring>;
}>;

/** Looking at an upload is part of making one: no other may. */
const config = { needs: 'write' as const };

export function uploadRoutes(app: Routes, { transfers }: Pick<StorageContext, 'transfers'>): void {
  const underWay = new UploadsUnderWay();

  app.post(PATH, { schema: createSchema }, async ({ query, acting, body, headers }, reply) => {
    const { namespace = DEFAULT_NAMESPACE } = query;
    checkNoBody(body, 'the bytes come with PATCH: begin without a body');
    await acting.storage.mayStore();
    const upload = await acting.storage.beginUpload({ owner: '', namespace }, readLength(headers));
    return reply
      .code(201)
      .headers(stateOf(upload))
      .header('location', `${PATH}/${upload.id}`)
      .send(shown(upload));
  });

  app.get(
    PATH_OF_ONE,
    { config, exposeHeadRoute: true, schema: getSchema },
    async (request: OneRequest, reply) => {
      const { signal } = new AbortController();
      const upload = await underWay.alone(placeOf(request), signal, async () => resumed(request));
      return reply.headers(stateOf(upload)).send(shown(upload));
    },
  );

  app.patch(PATH_OF_ONE, { ...TAKES_VALUES, schema: appendSchema }, async (request: OneRequest, reply) => {
    const place = placeOf(request);
    const { offset, isLast } = readState(request);
    const signal = transfers.beginIn(reply, place.namespace);
    const upload = await underWay.alone(place, signal, async (ending) => {
      const one = resumed(request);
      checkOffset(one, offset, reply);
      const body = sourceOf(request.body, ending);
      const { size } = sizeOf(request.body);
      await endingRefused(one, async () =>
        isLast ? one.complete(body, ending, size) : one.append(body, ending, size),
      );
      return resumed(request);
    });
    return reply.headers(stateOf(upload)).send(shown(upload));
  });

  app.delete(PATH_OF_ONE, { schema: cancelSchema }, async (request: OneRequest, reply) => {
    const { signal } = new AbortController();
    await underWay.alone(placeOf(request), signal, async () => resumed(request).cancel());
    return reply.code(204).send(null);
  });
}

function placeOf({ query, params: { id } }: OneRequest): { namespace: string; id: string } {
  return { namespace: query.namespace ?? DEFAULT_NAMESPACE, id };
}

/** Throws `not_found`, for one of another namespace, too. */
function resumed(request: OneRequest): Upload {
  const { namespace, id } = placeOf(request);
  return request.acting.storage.resumeUpload({ owner: '', namespace }, id);
}

/** Bytes of the whole, where the client knows them. Throws `bad_upload`, `too_large`. */
function readLength({ 'upload-length': length }: FastifyRequest['headers']): { readonly size?: number } {
  if (length === undefined) return {};
  if (typeof length !== 'string' || !INTEGER.test(length)) {
    throw new GatewayError('bad_upload', 'Upload-Length must be the number of bytes of the whole');
  }
  if (Number(length) > BLOB_MAX_BYTES) throw tooLarge(BLOB_MAX_BYTES);
  return { size: Number(length) };
}

/** Throws `bad_upload`. */
function readState({ headers }: FastifyRequest): { readonly offset: number; readonly isLast: boolean } {
  const { 'upload-offset': offset = '', 'upload-complete': complete } = headers;
  if (typeof offset !== 'string' || !INTEGER.test(offset)) {
    throw new GatewayError('bad_upload', 'say in Upload-Offset where the body begins: HEAD tells');
  }
  if (complete !== IS_COMPLETE && complete !== IS_INCOMPLETE) {
    throw new GatewayError('bad_upload', 'Upload-Complete must be ?1 for the end of the upload, else ?0');
  }
  return { offset: Number(offset), isLast: complete === IS_COMPLETE };
}

function checkOffset(upload: Upload, offset: number, reply: FastifyReply): void {
  if (upload.link !== null) {
    void reply.headers(stateOf(upload));
    throw new GatewayError('upload_complete', 'nothing can be added: make it a value, or give it up');
  }
  if (upload.offset === offset) return;
  void reply.headers(stateOf(upload));
  const detail = { offset: upload.offset };
  throw new GatewayError('upload_offset', `the upload goes on at ${upload.offset}`, detail);
}

function stateOf({ offset, link }: Upload): Record<string, string> {
  return {
    'upload-offset': String(offset),
    'upload-complete': link === null ? IS_INCOMPLETE : IS_COMPLETE,
    ...(link === null ? {} : { 'upload-length': String(link.size) }),
    'upload-limit': LIMIT,
    'cache-control': 'no-store',
  };
}

function shown({ id, offset, link }: Upload): z.output<typeof uploadSchema> {
  return { id, offset, complete: link !== null, cid: link === null ? null : cidText(link.cid) };
}
