import * as dagCbor from '@ipld/dag-cbor';
import { z } from 'zod';
import type { Delivery } from '../../node/index.ts';
import type { AnswerFrame, MessageHead, Ref } from '../client/frames.ts';
import { encodeBase64 } from '../core/base64.ts';
import { GatewayError } from '../core/errors.ts';
import { FRAME_MAX_BYTES, REF_MAX_LENGTH } from '../core/limits.ts';
import { base64Schema, namespaceSchema, timeSchema, topicSchema } from '../core/schemas.ts';
import { parseWith } from '../core/validation.ts';
import { binaryFrame, textFrame } from './raw-frame.ts';

/** A frame from a client, in whichever form it came. */
export type ClientFrame =
  | { type: 'ping'; ref?: Ref | undefined }
  | {
      type: 'subscribe' | 'unsubscribe';
      ref?: Ref | undefined;
      namespace?: string | undefined;
      topic: string;
    }
  | {
      type: 'publish';
      ref?: Ref | undefined;
      namespace?: string | undefined;
      topic?: string | undefined;
      data: Uint8Array;
      expiry?: number | undefined;
    };

/** One form of the native frames: JSON in text, DAG-CBOR in binary frames. */
export interface NativeCodec {
  encodeMessage(delivery: Delivery): Buffer;
  encodeAnswer(frame: AnswerFrame): Buffer;
  /** Throws `GatewayError`, with the frame's `ref` when it has a usable one. */
  decode(data: Buffer, isBinary: boolean): ClientFrame;
}

/** A frame that cannot be acted upon, and whose it is. */
export class FrameError extends GatewayError {
  readonly ref: Ref | undefined;

  constructor(cause: GatewayError, ref: Ref | undefined) {
    super(cause.code, cause.message, cause.detail);
    this.ref = ref;
  }
}

const refSchema = z.union([z.string().max(REF_MAX_LENGTH), z.int().min(0)]);
const pingSchema = z.strictObject({ type: z.literal('ping'), ref: refSchema.optional() });
const topicFields = {
  ref: refSchema.optional(),
  namespace: namespaceSchema.optional(),
  topic: topicSchema,
};
const subscribeSchema = z.strictObject({ type: z.literal('subscribe'), ...topicFields });
const unsubscribeSchema = z.strictObject({ type: z.literal('unsubscribe'), ...topicFields });
const publishFields = {
  type: z.literal('publish'),
  ref: refSchema.optional(),
  namespace: namespaceSchema.optional(),
  topic: topicSchema.optional(),
  expiry: timeSchema.optional(),
};
const jsonFrames = {
  ping: pingSchema,
  subscribe: subscribeSchema,
  unsubscribe: unsubscribeSchema,
  publish: z
    .strictObject({ ...publishFields, data_base64: base64Schema })
    .transform(({ data_base64, ...rest }) => ({ ...rest, data: data_base64 })),
};
const cborFrames = {
  ping: pingSchema,
  subscribe: subscribeSchema,
  unsubscribe: unsubscribeSchema,
  publish: z.strictObject({ ...publishFields, data: z.instanceof(Uint8Array, { error: 'must be bytes' }) }),
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

export const jsonCodec: NativeCodec = {
  encodeMessage: ({ data, ...rest }) =>
    textFrame(JSON.stringify({ ...messageHead(rest), data_base64: encodeBase64(data) })),
  encodeAnswer: (frame) => textFrame(JSON.stringify(frame)),
  decode: (data, isBinary) => {
    if (isBinary) throw new GatewayError('bad_frame', 'frames must be text in this subprotocol');
    return readFrame(data, (bytes) => JSON.parse(utf8.decode(bytes)), jsonFrames);
  },
};

export const cborCodec: NativeCodec = {
  encodeMessage: ({ data, ...rest }) => binaryFrame(dagCbor.encode({ ...messageHead(rest), data })),
  encodeAnswer: (frame) => binaryFrame(dagCbor.encode(frame)),
  decode: (data, isBinary) => {
    if (!isBinary) throw new GatewayError('bad_frame', 'frames must be binary in this subprotocol');
    return readFrame(data, (bytes) => dagCbor.decode(bytes), cborFrames);
  },
};

function messageHead({ id, namespace, topic, author, epoch, seq, time }: MessageHead) {
  return { type: 'message', id, namespace, topic, author, epoch, seq, time };
}

function readFrame(
  data: Buffer,
  decode: (bytes: Buffer) => unknown,
  frames: typeof jsonFrames | typeof cborFrames,
): ClientFrame {
  if (data.byteLength > FRAME_MAX_BYTES) {
    throw new GatewayError('too_large', `a frame may have ${FRAME_MAX_BYTES} bytes`);
  }
  const frame = decodeObject(data, decode);
  try {
    const { type } = frame;
    if (typeof type === 'string' && Object.hasOwn(frames, type)) {
      return parseWith<z.ZodType<ClientFrame>>(frames[type as ClientFrame['type']], frame);
    }
    const shown = typeof type === 'string' ? `"${type.slice(0, 32)}"` : 'that is missing or no string';
    throw new GatewayError('bad_frame', `a type ${shown} is not known here`);
  } catch (error) {
    throw error instanceof GatewayError ? new FrameError(error, refOf(frame)) : error;
  }
}

function decodeObject(data: Buffer, decode: (bytes: Buffer) => unknown): Readonly<Record<string, unknown>> {
  let frame: unknown;
  try {
    frame = decode(data);
  } catch {
    // the decoders' own texts are for programmers of decoders, and deep nesting overflows their stack
    throw new GatewayError('bad_frame', 'the frame cannot be decoded');
  }
  if (typeof frame !== 'object' || frame === null || Object.getPrototypeOf(frame) !== Object.prototype) {
    throw new GatewayError('bad_frame', 'a frame must be an object');
  }
  return frame as Readonly<Record<string, unknown>>;
}

function refOf(frame: Readonly<Record<string, unknown>>): Ref | undefined {
  const ref = refSchema.safeParse(frame['ref']);
  return ref.success ? ref.data : undefined;
}
