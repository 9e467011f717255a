/** The native dialects, `maillon.json.1` and `maillon.cbor.1`: SPEC.md beside this file. */
import type { ErrorFrame, Ref } from '../client/frames.ts';
import { errorBody } from '../errors.ts';
import type { Dialect, Line } from './dialect.ts';
import { type ClientFrame, cborCodec, FrameError, jsonCodec, type NativeCodec } from './native-codec.ts';

export const jsonDialect = nativeDialect(jsonCodec);
export const cborDialect = nativeDialect(cborCodec);

function nativeDialect(codec: NativeCodec): Dialect {
  return {
    encoding: { encode: (delivery) => codec.encodeMessage(delivery) },
    greet: ({ namespace, topic }) => codec.encodeAnswer({ type: 'subscribed', namespace, topic }),
    receive: (line, data, isBinary) => {
      try {
        act(line, codec, codec.decode(data, isBinary));
      } catch (error) {
        line.send(codec.encodeAnswer(errorFrame(error, error instanceof FrameError ? error.ref : undefined)));
      }
    },
  };
}

function act(line: Line, codec: NativeCodec, frame: ClientFrame): void {
  if (frame.type === 'publish') void publish(line, codec, frame);
  else line.send(codec.encodeAnswer({ type: 'pong', ...withRef(frame.ref) }));
}

async function publish(
  line: Line,
  codec: NativeCodec,
  frame: Extract<ClientFrame, { type: 'publish' }>,
): Promise<void> {
  const { data, expiry, ref } = frame;
  const namespace = frame.namespace ?? line.topic.namespace;
  const topic = frame.topic ?? line.topic.topic;
  try {
    const name = { owner: line.topic.owner, namespace, topic };
    const receipt = await line.publish({ ...name, data, ...(expiry === undefined ? {} : { expiry }) });
    const { id, messageIds, peersReached, storedBy, durable } = receipt;
    const answer = { id, messageIds, peersReached, storedBy, durable };
    line.send(codec.encodeAnswer({ type: 'published', ...withRef(ref), namespace, topic, ...answer }));
  } catch (error) {
    line.send(codec.encodeAnswer({ ...errorFrame(error, ref), namespace, topic }));
  }
}

function errorFrame(error: unknown, ref: Ref | undefined): ErrorFrame {
  return { type: 'error', ...errorBody(error), ...withRef(ref) };
}

function withRef(ref: Ref | undefined): { ref?: Ref } {
  return ref === undefined ? {} : { ref };
}
