/** Answers that are values: whole or a part, from memory or as they come. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { StoredRecord } from '../../../node/index.ts';
import type { ByteRange } from '../../../protocols/blobs/index.ts';
import { GatewayError } from '../../core/errors.ts';
import { TRANSFER_MIN_BYTES, TRANSFER_WINDOW_MS, VALUE_PIECE_BYTES } from '../../core/limits.ts';
import type { Hold } from '../core/held-bodies.ts';
import { Pace } from '../core/pace.ts';
import type { Transfers } from '../core/transfers.ts';
import { contentRange, rangeOf } from './ranges.ts';

export interface ValueAnswer {
  readonly record: Pick<StoredRecord, 'size' | 'value' | 'read'>;
  /** Strong, as it is told to the client. */
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its namespace, as the gateway calls it. */
  readonly namespace: string;
}

export interface ValueStreamComponents {
  readonly holdValue: Hold;
  readonly transfers: Transfers;
}

const PARTIAL = 206;

/** GET and HEAD of a value. Throws before anything is sent; a fault in the middle ends the connection. */
export async function sendValue(
  components: ValueStreamComponents,
  reply: FastifyReply,
  answer: ValueAnswer,
): Promise<FastifyReply> {
  const { record, etag, headers, namespace } = answer;
  const { size, value } = record;
  const { request } = reply;
  const told = { ...headers, 'accept-ranges': 'bytes' };
  if (request.method === 'HEAD') {
    return reply.headers({ ...told, 'content-length': String(size) }).send();
  }
  const part = request.method === 'GET' ? rangeOf(request.headers, { size, etag }) : null;
  if (part === 'unsatisfiable') {
    void reply.header('content-range', contentRange(part, size));
    throw new GatewayError('bad_range', `the value has ${size} bytes`, { size });
  }
  const range = part ?? { start: 0, end: size };
  const body =
    value === null
      ? await opened(record, range, components.transfers.beginOut(reply, namespace))
      : held(components.holdValue, reply, value.subarray(range.start, range.end));
  if (part !== null) void reply.code(PARTIAL).header('content-range', contentRange(part, size));
  return reply.headers({ ...told, 'content-length': String(range.end - range.start) }).send(body);
}

function held(holdValue: Hold, reply: FastifyReply, bytes: Uint8Array): Buffer {
  holdValue(reply, bytes.byteLength);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads the first piece, so that an unreadable value becomes an error response instead of a closed connection. */
async function opened(
  record: ValueAnswer['record'],
  range: ByteRange,
  signal: AbortSignal,
): Promise<Readable> {
  const chunks = record.read(range, signal);
  const first = await chunks.next();
  const stream: Readable = Readable.from(
    piecesOf({ chunks, first, size: range.end - range.start, onStall: () => stream.destroy(stalled()) }),
    { objectMode: false, highWaterMark: VALUE_PIECE_BYTES },
  );
  return stream;
}

interface Opened {
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
  readonly first: IteratorResult<Uint8Array, void>;
  readonly size: number;
  readonly onStall: () => void;
}

/** The pieces to write, one at a time: between two pieces the writer waits for the client. */
async function* piecesOf({ chunks, first, size, onStall }: Opened): AsyncGenerator<Uint8Array> {
  const pace = new Pace({ windowMs: TRANSFER_WINDOW_MS, minBytes: TRANSFER_MIN_BYTES, onStall });
  let left = size;
  try {
    for (let next = first; next.done !== true; next = await chunks.next()) {
      for (let at = 0; at < next.value.byteLength; at += VALUE_PIECE_BYTES) {
        const piece = next.value.subarray(at, at + VALUE_PIECE_BYTES);
        left -= piece.byteLength;
        pace.wait();
        yield piece;
        pace.gain(piece.byteLength);
      }
    }
    if (left !== 0) throw new Error('a value of another size than its record says');
  } finally {
    pace.end();
    await chunks.return();
  }
}

function stalled(): GatewayError {
  return new GatewayError('too_slow', 'the client takes the value too slowly');
}
