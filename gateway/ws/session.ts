import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Logger, PublishRequest, Receipt, Relay, TopicName } from '../../node/index.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { CREDENTIAL_ENDED, type CredentialStatus } from '../auth/credential-status.ts';
import { type Batch, single } from '../core/batch.ts';
import type { EndOfTurn } from '../core/end-of-turn.ts';
import { type CloseCode, errorBody, GatewayError } from '../core/errors.ts';
import type { Events } from '../core/events.ts';
import {
  FRAMES_PER_TURN,
  PING_INTERVAL_MS,
  PINGS_MISSED_MAX,
  SESSION_PUBLISHES_MAX,
  SSE_HEARTBEAT_MS,
} from '../core/limits.ts';
import type { Clients, StreamClient } from '../delivery/clients.ts';
import { type Hub, type Sink, topicKey } from '../delivery/hub.ts';
import type { GatewayMetrics } from '../observability/metrics.ts';
import { type Dialect, type Home, type Line, shownAs } from './dialect.ts';
import { Outbox, type OutboxOwner, type SlowReason } from './outbox.ts';
import { OPCODE, PING_FRAME, rawFrame } from './raw-frame.ts';

const BEATS_PER_PING = PING_INTERVAL_MS / SSE_HEARTBEAT_MS;
const PING = single(PING_FRAME);

/** Reasons not to read from a connection, one bit each. */
const HOLD = { publishes: 1, queue: 2, turn: 4, rate: 8 } as const;

export interface SessionComponents {
  readonly socket: WebSocket;
  /** The socket under the WebSocket: frames built once for all are written to it directly. */
  readonly raw: Socket;
  readonly relay: Pick<Relay, 'publish'>;
  readonly hub: Hub;
  readonly turn: EndOfTurn;
  readonly clients: Clients;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
  readonly events: Events;
}

export interface SessionInit {
  readonly home: Home;
  readonly dialect: Dialect;
  readonly standing: CredentialStatus | null;
  readonly queueMaxBytes: number;
  readonly slowMs: number;
  /** Topics it may be subscribed to. */
  readonly topicsMax: number;
  /** Joins the members of the topic; what it returns leaves them again. */
  readonly joinPresence?: ((send: (frame: Buffer) => void) => () => void) | undefined;
  /** Charges one frame, and says for how many milliseconds none may be read. */
  readonly meterFrame?: (() => number) | undefined;
}

/** One WebSocket client, and the topics it is subscribed to. */
export class Session implements Line, StreamClient, Sink, OutboxOwner {
  readonly #components: SessionComponents;
  readonly #init: SessionInit;
  readonly #outbox: Outbox;
  /** How to leave each topic. */
  readonly #topics = new Map<string, () => void>();
  /** Those of them that are another's. */
  readonly #foreign = new Map<string, TopicName>();
  #leaveClients: (() => void) | undefined;
  #leavePresence: (() => void) | undefined;
  #publishes = 0;
  #frames = 0;
  #holds = 0;
  #beats = 0;
  #missedPings = 0;
  /** When it may be read from again, and what waits for that. */
  #heldUntil = 0;
  #heldTimer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components;
    this.#init = init;
    const { raw, turn, metrics } = components;
    this.#outbox = new Outbox(
      { out: raw, turn, owner: this, metrics },
      { maxBytes: init.queueMaxBytes, slowMs: init.slowMs },
    );
  }

  get home(): Home {
    return this.#init.home;
  }

  get standing(): CredentialStatus | null {
    return this.#init.standing;
  }

  /** Begins: from here on the client gets messages and is listened to. */
  open(): void {
    const { socket, clients, metrics } = this.#components;
    const { home, dialect, joinPresence } = this.#init;
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    // answered here and not by the library, whose answers to a client that never reads would wait unbounded
    socket.on('ping', (data) => {
      this.#meter();
      this.send(rawFrame(OPCODE.pong, data));
    });
    socket.on('pong', () => {
      this.#meter();
      this.#missedPings = 0;
    });
    socket.on('close', () => this.#end());
    this.#leaveClients = clients.add(this);
    metrics.websocketClients += 1;
    if (home.topic !== undefined) this.subscribe({ ...home, topic: home.topic });
    this.#leavePresence = joinPresence?.((frame) => this.send(frame));
    const greeting = dialect.greet?.(home);
    if (greeting !== undefined) this.send(greeting);
  }

  send(frame: Buffer): void {
    this.take(single(frame));
  }

  take(batch: Batch): void {
    // after a close frame, whoever sent it, nothing may follow
    if (this.#components.socket.readyState === this.#components.socket.OPEN) this.#outbox.push(batch);
  }

  subscribe(topic: TopicName): void {
    const key = topicKey(topic);
    if (this.#topics.has(key)) return;
    const { topicsMax, dialect } = this.#init;
    if (this.#topics.size >= topicsMax) {
      const message = `a connection may have ${topicsMax} topics: unsubscribe from one, or open another connection`;
      throw new GatewayError('too_many_topics', message);
    }
    const shown = shownAs(this.home, topic.namespace);
    if (this.home.isByPolicy?.(topic.namespace) === true) this.#foreign.set(key, topic);
    this.#topics.set(key, this.#components.hub.subscribe(topic, dialect.encoding, this, shown));
  }

  unsubscribe(topic: TopicName): void {
    const key = topicKey(topic);
    this.#topics.get(key)?.();
    this.#topics.delete(key);
    this.#foreign.delete(key);
  }

  async publish(request: PublishRequest): Promise<Receipt> {
    const { relay, metrics, logger } = this.#components;
    metrics.messagesIn += 1;
    this.#publishes += 1;
    if (this.#publishes === SESSION_PUBLISHES_MAX) this.#hold(HOLD.publishes);
    try {
      return await relay.publish(request);
    } catch (error) {
      metrics.publishFailures += 1;
      const level = errorBody(error).code === 'internal' ? 'error' : 'debug';
      logger[level]({ err: errorMessage(error), topic: request.topic }, 'publish over WebSocket failed');
      throw error;
    } finally {
      this.#publishes -= 1;
      if (this.#publishes === SESSION_PUBLISHES_MAX - 1) this.#release(HOLD.publishes);
    }
  }

  close(code: CloseCode, reason: string): void {
    if (this.#isOver) return;
    // no message is sent any more, but it takes its place until it went
    this.#leaveTopics();
    this.#outbox.finish();
    this.#components.socket.close(code, reason);
    // what the client answers to that is read, whatever it did before
    this.#holds = 0;
    this.#components.socket.resume();
  }

  pause(): void {
    this.#hold(HOLD.queue);
  }

  resume(): void {
    // while it was not read from no answer to a ping could be seen
    this.#missedPings = 0;
    this.#release(HOLD.queue);
  }

  onTooSlow(reason: SlowReason): void {
    this.#components.events.report('client_cut', { kind: 'websocket', reason });
    this.close(4008, `too slow, ${reason}: connect again for what comes from now on`);
  }

  beat(): void {
    this.#checkForeign();
    this.#beats += 1;
    // one that is paused is not heard either: how long it may be decides about it, not its pings
    if (this.#beats % BEATS_PER_PING !== 0 || (this.#holds & HOLD.queue) !== 0) return;
    if (this.#missedPings >= PINGS_MISSED_MAX) {
      this.terminate();
      return;
    }
    this.#missedPings += 1;
    this.take(PING);
  }

  endCredential(): void {
    const { socket, events } = this.#components;
    if (socket.readyState !== socket.OPEN) return;
    events.report('credential_ended', { kind: 'websocket' });
    this.close(4001, CREDENTIAL_ENDED);
  }

  goAway(): void {
    this.close(4009, 'going away: connect again');
  }

  terminate(): void {
    this.#components.socket.terminate();
  }

  /** A policy that lets it read may have been followed by one that does not. */
  #checkForeign(): void {
    try {
      for (const topic of this.#foreign.values()) this.home.checkReading?.(topic);
    } catch (error) {
      if (error instanceof GatewayError) this.close(4003, `${errorBody(error).code}: reading has ended`);
    }
  }

  #hold(reason: number): void {
    if (this.#holds === 0) this.#components.socket.pause();
    this.#holds |= reason;
  }

  #release(reason: number): void {
    if ((this.#holds & reason) === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.#components.socket.resume();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isOver || this.#components.socket.readyState !== this.#components.socket.OPEN) return;
    this.#missedPings = 0;
    this.#meter();
    this.#frames += 1;
    if (this.#frames % FRAMES_PER_TURN === 0) {
      // one that sends without end shares the event loop with the others
      this.#hold(HOLD.turn);
      setImmediate(() => this.#release(HOLD.turn));
    }
    this.#init.dialect.receive(this, data, isBinary);
  }

  /** A client over its rate is not refused what it sent: it is not read from until it is within it. */
  #meter(): void {
    const waitMs = this.#init.meterFrame?.() ?? 0;
    // what it answers to a close frame must be heard
    if (waitMs === 0 || this.#components.socket.readyState !== this.#components.socket.OPEN) return;
    this.#heldUntil = performance.now() + waitMs;
    this.#hold(HOLD.rate);
    this.#heldTimer ??= setTimeout(() => this.#endHeld(), waitMs);
  }

  #endHeld(): void {
    const leftMs = this.#heldUntil - performance.now();
    this.#heldTimer = leftMs > 0 ? setTimeout(() => this.#endHeld(), leftMs) : undefined;
    if (leftMs > 0) return;
    // while it was not read from no answer to a ping could be seen
    this.#missedPings = 0;
    this.#release(HOLD.rate);
  }

  #leaveTopics(): void {
    for (const leave of this.#topics.values()) leave();
    this.#topics.clear();
    this.#foreign.clear();
    this.#leavePresence?.();
  }

  /** The library closed the connection, or the client did. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#heldTimer);
    this.#components.metrics.websocketClients -= 1;
    this.#outbox.close();
    this.#leaveTopics();
    this.#leaveClients?.();
  }
}
