import type { PublishRequest, Receipt, TopicName } from '../../node/index.ts';
import { type CloseCode, GatewayError } from '../errors.ts';
import type { Encoding } from '../hub.ts';

/** What a connection was opened with: what its frames mean that name no namespace or no topic. */
export interface Home {
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string | undefined;
  /** What the client calls the namespace, where its credential is for that one only. */
  readonly shown?: string | undefined;
}

/** What a dialect may do with the connection it speaks on. */
export interface Line {
  readonly home: Home;
  /** Sends a frame, in order, bounded. */
  send(frame: Buffer): void;
  /** Every message from now on is sent, once however often it is asked for. Throws `too_many_topics`. */
  subscribe(topic: TopicName): void;
  /** No message is sent from now on. Does nothing when it was not subscribed. */
  unsubscribe(topic: TopicName): void;
  /** Publishes in the order of the calls. Many unanswered ones stop the connection from being read. */
  publish(request: PublishRequest): Promise<Receipt>;
  close(code: CloseCode, reason: string): void;
}

/** The frames that one kind of client speaks. It keeps nothing of a connection: one serves all of them. */
export interface Dialect {
  /** Whether a connection is of no use without a topic in its URL. */
  readonly needsTopic: boolean;
  /** How messages go out. */
  readonly encoding: Encoding;
  /** What a client gets first, once it is subscribed. */
  greet?(home: Home): Buffer;
  /** Takes what the client sent. Must not throw. */
  receive(line: Line, data: Buffer, isBinary: boolean): void;
}

/**
 * The topic that a frame means. Throws `bad_topic` when neither it nor the connection names one, and `namespace_mismatch` for a namespace
 * that the connection's credential is not for.
 */
export function topicOf(
  home: Home,
  frame: { namespace?: string | undefined; topic?: string | undefined },
): TopicName {
  const topic = frame.topic ?? home.topic;
  if (topic === undefined) {
    throw new GatewayError('bad_topic', 'name a topic: this connection was opened without one');
  }
  if (home.shown === undefined) {
    return { owner: home.owner, namespace: frame.namespace ?? home.namespace, topic };
  }
  if (frame.namespace !== undefined && frame.namespace !== home.shown) {
    throw new GatewayError('namespace_mismatch', 'namespace mismatch');
  }
  return { owner: home.owner, namespace: home.namespace, topic };
}
