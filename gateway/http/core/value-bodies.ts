import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BLOB_MAX_BYTES } from '../../../protocols/blobs/constants.ts';
import { INLINE_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import type { BodyDeadlines } from './body-deadlines.ts';
import type { HeldBodies } from './held-bodies.ts';
import { IncomingChunks, StreamedBody, tooLarge } from './streamed-body.ts';

export interface ValueBodiesComponents {
  readonly held: HeldBodies;
  readonly deadlines: BodyDeadlines;
}

/** A body for a route that takes values; undefined for none. */
export type ValueBody = Uint8Array | StreamedBody | undefined;

/** Bodies that are values: those that a record holds itself are read whole, larger ones as somebody takes them. */
export class ValueBodies {
  readonly #components: ValueBodiesComponents;

  constructor(components: ValueBodiesComponents) {
    this.#components = components;
  }

  watch(scope: Pick<FastifyInstance, 'addHook'>): void {
    // answered before all of it came: the rest is thrown away, so that the client hears of it
    scope.addHook('onResponse', async ({ body, raw }, reply) => {
      if (body instanceof StreamedBody && !raw.complete) this.#components.deadlines.discard(raw, reply.raw);
    });
  }

  /** A parser of content types. Throws `too_large` before anything is read. */
  readonly take = async (
    request: FastifyRequest,
    payload: IncomingMessage,
  ): Promise<Buffer | StreamedBody> => {
    if (request.routeOptions.config.takesStream !== true || lengthOf(payload) <= INLINE_MAX_BYTES) {
      return this.#components.held.read(request, payload);
    }
    if (lengthOf(payload) > BLOB_MAX_BYTES) throw tooLarge(BLOB_MAX_BYTES);
    return isLarge(payload) ? streamed(payload, []) : this.#begun(request, payload);
  };

  /** Reads a body of unknown length: whole, where it turns out to be small. */
  async #begun(request: FastifyRequest, payload: IncomingMessage): Promise<Buffer | StreamedBody> {
    const chunks = new IncomingChunks(payload);
    const first: Buffer[] = [];
    let size = 0;
    try {
      for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
        first.push(chunk);
        size += chunk.byteLength;
        this.#components.held.count(request, chunk.byteLength);
        if (size > INLINE_MAX_BYTES) return streamed(payload, first);
      }
    } finally {
      chunks.end();
    }
    return Buffer.concat(first, size);
  }
}

/** Whether nothing of a body is read before its route asks for it. */
export function isLarge(request: IncomingMessage): boolean {
  return lengthOf(request) > INLINE_MAX_BYTES;
}

/** As it is announced; NaN where it is not. */
function lengthOf({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? Number.NaN);
}

function streamed(payload: IncomingMessage, first: readonly Buffer[]): StreamedBody {
  const announced = lengthOf(payload);
  const size = Number.isNaN(announced) ? {} : { announced };
  return new StreamedBody(payload, { first, limit: BLOB_MAX_BYTES, ...size });
}
