import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Logger, MaillonNode, PublishRequest, Receipt, TopicName } from '../../node/index.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Clients, StreamClient } from '../clients.ts';
import { type CloseCode, errorBody } from '../errors.ts';
import type { Hub } from '../hub.ts';
import { PING_INTERVAL_MS, PINGS_MISSED_MAX, SESSION_PUBLISHES_MAX, SSE_HEARTBEAT_MS } from '../limits.ts';
import type { Dialect, Line } from './dialect.ts';
import { Outbox } from './outbox.ts';
import { OPCODE, PING_FRAME, rawFrame } from './raw-frame.ts';

const BEATS_PER_PING = PING_INTERVAL_MS / SSE_HEARTBEAT_MS;

export interface SessionComponents {
  readonly socket: WebSocket;
  /** What the WebSocket runs on: frames built once for all are written to it directly. */
  readonly raw: Socket;
  readonly node: Pick<MaillonNode, 'relay'>;
  readonly hub: Hub;
  readonly clients: Clients;
  readonly logger: Logger;
}

export interface SessionInit {
  readonly topic: TopicName;
  readonly dialect: Dialect;
  readonly queueMaxBytes: number;
  /** Joins the members of the topic; what it returns leaves them again. */
  readonly joinPresence?: ((send: (frame: Buffer) => void) => () => void) | undefined;
}

/** One WebSocket client: subscribed to its topic for as long as it is connected. */
export class Session implements Line, StreamClient {
  readonly topic: TopicName;
  readonly #components: SessionComponents;
  readonly #dialect: Dialect;
  readonly #joinPresence: SessionInit['joinPresence'];
  readonly #outbox: Outbox;
  #leaveClients: (() => void) | undefined;
  #leaveTopic: (() => void) | undefined;
  #leavePresence: (() => void) | undefined;
  #publishes = 0;
  #beats = 0;
  #missedPings = 0;
  #isOver = false;

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components;
    this.topic = init.topic;
    this.#dialect = init.dialect;
    this.#joinPresence = init.joinPresence;
    this.#outbox = new Outbox(
      { out: components.raw },
      {
        maxBytes: init.queueMaxBytes,
        onOverflow: () => this.#cut(),
      },
    );
  }

  /** Begins: from here on the client gets messages and is listened to. */
  open(): void {
    const { socket, hub, clients } = this.#components;
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    // answered here and not by the library, whose answers to a client that never reads would wait unbounded
    socket.on('ping', (data) => this.send(rawFrame(OPCODE.pong, data)));
    socket.on('pong', () => (this.#missedPings = 0));
    socket.on('close', () => this.#end());
    const send = (frame: Buffer): void => this.send(frame);
    this.#leaveClients = clients.add(this);
    this.#leaveTopic = hub.subscribe(this.topic, this.#dialect.encoding, send);
    this.#leavePresence = this.#joinPresence?.(send);
    const greeting = this.#dialect.greet?.(this.topic);
    if (greeting !== undefined) this.send(greeting);
  }

  send(frame: Buffer): void {
    // after a close frame, whoever sent it, nothing may follow
    if (this.#components.socket.readyState === this.#components.socket.OPEN) this.#outbox.push(frame);
  }

  async publish(request: PublishRequest): Promise<Receipt> {
    const { node, socket, logger } = this.#components;
    this.#publishes += 1;
    if (this.#publishes === SESSION_PUBLISHES_MAX) socket.pause();
    try {
      return await node.relay.publish(request);
    } catch (error) {
      const level = errorBody(error).code === 'internal' ? 'error' : 'debug';
      logger[level]({ err: errorMessage(error), topic: request.topic }, 'publish over WebSocket failed');
      throw error;
    } finally {
      this.#publishes -= 1;
      if (this.#publishes === SESSION_PUBLISHES_MAX - 1) socket.resume();
    }
  }

  close(code: CloseCode, reason: string): void {
    if (this.#isOver) return;
    this.#outbox.finish();
    this.#components.socket.close(code, reason);
    // no message is sent any more, but it takes its place until it went
    this.#leaveTopic?.();
    this.#leavePresence?.();
  }

  beat(): void {
    this.#beats += 1;
    if (this.#beats % BEATS_PER_PING !== 0) return;
    if (this.#missedPings >= PINGS_MISSED_MAX) {
      this.terminate();
      return;
    }
    this.#missedPings += 1;
    this.send(PING_FRAME);
  }

  goAway(): void {
    this.close(4009, 'going away: connect again');
  }

  terminate(): void {
    this.#components.socket.terminate();
  }

  #cut(): void {
    this.#components.logger.info({ topic: this.topic.topic }, 'WebSocket client was too slow and is cut');
    this.close(4008, 'too slow: connect again for what comes from now on');
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isOver || this.#components.socket.readyState !== this.#components.socket.OPEN) return;
    this.#missedPings = 0;
    this.#dialect.receive(this, data, isBinary);
  }

  /** The library closed the connection, or the client did. */
  #end(): void {
    this.#isOver = true;
    this.#outbox.close();
    this.#leaveTopic?.();
    this.#leavePresence?.();
    this.#leaveClients?.();
  }
}
