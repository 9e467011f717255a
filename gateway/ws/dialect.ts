import type { PublishRequest, Receipt, TopicName } from '../../node/index.ts';
import { type CloseCode, GatewayError } from '../core/errors.ts';
import type { Encoding } from '../delivery/hub.ts';

/** Defaults of a connection from its opening, for frames that name no namespace or no topic. */
export interface Home {
  readonly owner: string;
  readonly namespace: string;
  readonly topic: string | undefined;
  /** The only namespace that its credential is for, as the client calls it and as the gateway does. */
  readonly own?: { readonly shown: string; readonly place: string } | undefined;
  /** Throws where that is not for the client to read. */
  readonly checkReading?: (reading: Pick<TopicName, 'namespace' | 'topic'>) => void;
  /** Whether that may end while the connection lasts. */
  readonly isByPolicy?: (namespace: string) => boolean;
}

/** The client's name for a namespace; undefined where it is the gateway's. */
export function shownAs({ own }: Home, namespace: string): string | undefined {
  return own?.place === namespace ? own.shown : undefined;
}

/** Operations that a dialect may use on its connection. */
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
  /** The first frame for a client, once it is subscribed. */
  greet?(home: Home): Buffer;
  /** Takes what the client sent. Must not throw. */
  receive(line: Line, data: Buffer, isBinary: boolean): void;
}

interface Named {
  readonly namespace?: string | undefined;
  readonly topic?: string | undefined;
}

/**
 * The topic that a frame publishes to. Throws `bad_topic` when neither it nor the connection names one, and `namespace_mismatch` for a
 * namespace that the connection's credential is not for.
 */
export function topicOf(home: Home, frame: Named): TopicName {
  const name = readTopicOf(home, frame);
  if (home.own !== undefined && name.namespace !== home.own.place) throw mismatch();
  return name;
}

/** The topic that a frame reads, which may be of another's namespace: whether it may is not looked at here. Throws the same. */
export function readTopicOf(
  { owner, namespace: usual, own, topic: usualTopic }: Home,
  frame: Named,
): TopicName {
  const { namespace = usual, topic = usualTopic } = frame;
  if (topic === undefined) {
    throw new GatewayError('bad_topic', 'name a topic: this connection was opened without one');
  }
  if (own === undefined) return { owner, namespace, topic };
  if (namespace === own.shown || namespace === own.place) return { owner, namespace: own.place, topic };
  if (!namespace.includes('@')) throw mismatch();
  return { owner, namespace, topic };
}

function mismatch(): GatewayError {
  return new GatewayError('namespace_mismatch', 'namespace mismatch');
}
