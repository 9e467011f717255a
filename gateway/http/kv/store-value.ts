/** A request's body, or what was uploaded before, becomes the value of a key. */
import type { FastifyReply } from 'fastify';
import type { PutOptions, RecordName, WriteReceipt } from '../../../node/index.ts';
import { INLINE_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Precondition, writeIf, writeOnceIf } from '../core/conditions.ts';
import { StreamedBody } from '../core/streamed-body.ts';
import type { StorageContext } from './storage-context.ts';
import { completeUpload, makeOf } from './uploads-under-way.ts';

/** Options of a route that takes values of any size: it keeps this much of one in memory. */
export const TAKES_VALUES = { bodyLimit: INLINE_MAX_BYTES, config: { takesStream: true } };

export interface ValueWrite {
  readonly name: RecordName;
  readonly options?: PutOptions;
  readonly precondition?: Precondition;
}

type StoreContext = Pick<StorageContext, 'transfers'>;

export async function storeBody(
  { transfers }: StoreContext,
  reply: FastifyReply,
  { name, options = {}, precondition = null }: ValueWrite,
): Promise<WriteReceipt> {
  const { body, acting } = reply.request;
  const { storage } = acting;
  if (!(body instanceof StreamedBody)) {
    const value = bytesOf(body);
    return writeIf(storage, name, precondition, (condition) =>
      storage.put(name, value, { ...options, ...condition }),
    );
  }
  const signal = transfers.beginIn(reply, name.namespace);
  return writeOnceIf(storage, name, precondition, (condition) =>
    storage.put(name, body, { ...options, ...condition, ...sizeOf(body), signal }),
  );
}

export async function storeUpload(
  { transfers }: StoreContext,
  reply: FastifyReply,
  { name, options = {}, precondition = null, upload: id }: ValueWrite & { readonly upload: string },
): Promise<WriteReceipt> {
  const { body, acting } = reply.request;
  const { storage } = acting;
  checkNoBody(body);
  const { namespace } = name;
  const upload = storage.resumeUpload({ owner: '', namespace }, id);
  const link = completeUpload(upload);
  const signal = transfers.beginIn(reply, namespace);
  return makeOf(upload, async () =>
    writeIf(storage, name, precondition, (condition) =>
      storage.putBlob(name, link, { ...options, ...condition, signal }),
    ),
  );
}

/** Bytes of a body that comes piece by piece, where the client announced them. */
export function sizeOf(body: unknown): { readonly size?: number } {
  const size = body instanceof StreamedBody ? body.announced : bytesOf(body).byteLength;
  return size === undefined ? {} : { size };
}

/** A request without a body stores an empty value. */
export function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

/** Bytes of a body that was taken to its end. */
export function sizeTaken(body: unknown): number {
  return body instanceof StreamedBody ? body.size : bytesOf(body).byteLength;
}

export function checkNoBody(body: unknown, message = 'what was uploaded is the value: send no body'): void {
  if (!(body instanceof StreamedBody) && bytesOf(body).byteLength === 0) return;
  throw new GatewayError('bad_request', message);
}

/** A body as a stream, until the signal ends it. */
export async function* sourceOf(
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body instanceof StreamedBody) yield* body.until(signal);
  else yield bytesOf(body);
}
