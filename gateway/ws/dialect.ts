import type { PublishRequest, Receipt, TopicName } from '../../node/index.ts';
import type { CloseCode } from '../errors.ts';
import type { Encoding } from '../hub.ts';

/** What a dialect may do with the connection it speaks on. */
export interface Line {
  /** The topic the connection was opened for. */
  readonly topic: TopicName;
  /** Sends a frame, in order, bounded. */
  send(frame: Buffer): void;
  /** Publishes in the order of the calls. Many unanswered ones stop the connection from being read. */
  publish(request: PublishRequest): Promise<Receipt>;
  close(code: CloseCode, reason: string): void;
}

/** The frames that one kind of client speaks. It keeps nothing of a connection: one serves all of them. */
export interface Dialect {
  /** How messages go out. */
  readonly encoding: Encoding;
  /** What a client gets first, once it is subscribed. */
  greet?(topic: TopicName): Buffer;
  /** Takes what the client sent. Must not throw. */
  receive(line: Line, data: Buffer, isBinary: boolean): void;
}
