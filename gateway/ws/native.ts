/** The native dialects, `maillon.json.1` and `maillon.cbor.1`: SPEC.md beside this file. */
import type { ErrorFrame, Ref } from '../client/frames.ts';
import { errorBody } from '../core/errors.ts';
import { type Dialect, type Line, readTopicOf, shownAs, topicOf } from './dialect.ts';
import { type ClientFrame, cborCodec, FrameError, jsonCodec, type NativeCodec } from './native-codec.ts';

export const jsonDialect = nativeDialect(jsonCodec);
export const cborDialect = nativeDialect(cborCodec);

type FrameOf<T extends ClientFrame['type']> = Extract<ClientFrame, { type: T }>;

function nativeDialect(codec: NativeCodec): Dialect {
  return {
    needsTopic: false,
    encoding: { encode: (delivery) => codec.encodeMessage(delivery) },
    greet: (home) => {
      const { topic } = home;
      const namespace = shownAs(home, home.namespace) ?? home.namespace;
      return codec.encodeAnswer(
        topic === undefined ? { type: 'open', namespace } : { type: 'subscribed', namespace, topic },
      );
    },
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
  else if (frame.type === 'ping') line.send(codec.encodeAnswer({ type: 'pong', ...withRef(frame.ref) }));
  else changeTopic(line, codec, frame);
}

/** Answered at once, and so in the order of the frames: what follows an `unsubscribed` is of no such topic. */
function changeTopic(line: Line, codec: NativeCodec, frame: FrameOf<'subscribe' | 'unsubscribe'>): void {
  const name = readTopicOf(line.home, frame);
  const { topic } = name;
  const namespace = shownAs(line.home, name.namespace) ?? name.namespace;
  try {
    if (frame.type === 'subscribe') line.home.checkReading?.(name);
    line[frame.type](name);
    const type = frame.type === 'subscribe' ? 'subscribed' : 'unsubscribed';
    line.send(codec.encodeAnswer({ type, ...withRef(frame.ref), namespace, topic }));
  } catch (error) {
    line.send(codec.encodeAnswer({ ...errorFrame(error, frame.ref), namespace, topic }));
  }
}

async function publish(line: Line, codec: NativeCodec, frame: FrameOf<'publish'>): Promise<void> {
  const { data, expiry, ref } = frame;
  const { home } = line;
  const about = {
    namespace: frame.namespace ?? shownAs(home, home.namespace) ?? home.namespace,
    topic: frame.topic ?? home.topic,
  };
  try {
    const name = topicOf(home, frame);
    const receipt = await line.publish({ ...name, data, ...(expiry === undefined ? {} : { expiry }) });
    const { topic } = name;
    const namespace = shownAs(home, name.namespace) ?? name.namespace;
    const { id, messageIds, peersReached, storedBy, durable } = receipt;
    const answer = { id, messageIds, peersReached, storedBy, durable };
    line.send(codec.encodeAnswer({ type: 'published', ...withRef(ref), namespace, topic, ...answer }));
  } catch (error) {
    const { namespace, topic } = about;
    const named = topic === undefined ? { namespace } : { namespace, topic };
    line.send(codec.encodeAnswer({ ...errorFrame(error, ref), ...named }));
  }
}

function errorFrame(error: unknown, ref: Ref | undefined): ErrorFrame {
  return { type: 'error', ...errorBody(error), ...withRef(ref) };
}

function withRef(ref: Ref | undefined): { ref?: Ref } {
  return ref === undefined ? {} : { ref };
}
