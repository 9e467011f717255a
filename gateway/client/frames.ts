/** Frames of the native WebSocket protocol as both sides write them; gateway/ws/SPEC.md has the rules. */

export const SUBPROTOCOL_JSON = 'maillon.json.1';
export const SUBPROTOCOL_CBOR = 'maillon.cbor.1';

/** The namespace of whatever names none. */
export const DEFAULT_NAMESPACE = 'default';

/** Sent back as it came, so that a client can tell its answers apart. */
export type Ref = string | number;

/** Facts about a message once it was sent. */
export interface Receipt {
  readonly id: string;
  readonly messageIds: readonly string[];
  readonly peersReached: number;
  readonly storedBy: readonly string[];
  readonly durable: boolean;
}

/** First on a connection that was opened without a topic. */
export interface OpenFrame {
  readonly type: 'open';
  /** The namespace of frames that name none. */
  readonly namespace: string;
}

export interface SubscribedFrame {
  readonly type: 'subscribed';
  /** Absent for the topic the connection was opened with. */
  readonly ref?: Ref;
  readonly namespace: string;
  readonly topic: string;
}

export interface UnsubscribedFrame {
  readonly type: 'unsubscribed';
  readonly ref?: Ref;
  readonly namespace: string;
  readonly topic: string;
}

export interface PublishedFrame extends Receipt {
  readonly type: 'published';
  readonly ref?: Ref;
  readonly namespace: string;
  readonly topic: string;
}

export interface PongFrame {
  readonly type: 'pong';
  readonly ref?: Ref;
}

export interface ErrorFrame {
  readonly type: 'error';
  readonly code: string;
  readonly error: string;
  readonly ref?: Ref;
  /** Named when the error is about a topic. */
  readonly namespace?: string;
  readonly topic?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** Frames whose form is the same in JSON and in CBOR. */
export type AnswerFrame =
  | OpenFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | PublishedFrame
  | PongFrame
  | ErrorFrame;

/** A message's facts about itself, in whatever form its bytes come. */
export interface MessageHead {
  readonly id: string;
  readonly namespace: string;
  readonly topic: string;
  /** did:key of the author. */
  readonly author: string;
  /** Raised when the author lost count; `seq` compares within one epoch only. */
  readonly epoch: number;
  /** Counts the author's messages to the topic, without holes. */
  readonly seq: number;
  /** When the author signed it, milliseconds since the Unix epoch. */
  readonly time: number;
}

/** A message in JSON; in CBOR it has `data`, bytes, in the place of `data_base64`. */
export interface MessageFrame extends MessageHead {
  readonly type: 'message';
  readonly data_base64: string;
}

export type ServerFrame = AnswerFrame | MessageFrame;

/** Opens a topic on the connection, or closes it. */
export interface TopicFrame {
  readonly type: 'subscribe' | 'unsubscribe';
  readonly ref?: Ref;
  readonly namespace?: string;
  readonly topic: string;
}
