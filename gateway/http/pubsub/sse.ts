import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Delivery, TopicName } from '../../../node/index.ts';
import { CREDENTIAL_ENDED, type CredentialStatus, standingOf } from '../../auth/credential-status.ts';
import type { Principal } from '../../auth/identity.ts';
import { encodeBase64 } from '../../core/base64.ts';
import { type Batch, ownBuffer, single } from '../../core/batch.ts';
import type { EndOfTurn } from '../../core/end-of-turn.ts';
import { ERRORS, type ErrorCode, GatewayError } from '../../core/errors.ts';
import type { Events } from '../../core/events.ts';
import { CLOSE_TIMEOUT_MS } from '../../core/limits.ts';
import { topicName } from '../../core/names.ts';
import { errorResponses, messageSchema, ticketQuery, topicQuery } from '../../core/schemas.ts';
import type { Clients, StreamClient } from '../../delivery/clients.ts';
import type { Encoding, Hub, Sink } from '../../delivery/hub.ts';
import type { GatewayMetrics } from '../../observability/metrics.ts';
import { Outbox, type OutboxOwner, type SlowReason } from '../../ws/outbox.ts';
import { type Context } from '../core/context.ts';
import { ownNamespace } from '../core/credentials.ts';
import { checkReading, isByPolicy, type ReadingContext } from '../core/reading.ts';
import type { Routes } from '../core/routes.ts';
import { SSE_PATH } from '../core/stream-paths.ts';

const HEARTBEAT = single(Buffer.from(': still here\n\n'));

const sseSchema = {
  summary: 'Messages of a topic as server-sent events',
  operationId: 'sse',
  tags: ['pubsub'],
  description:
    'Events: `message` with a Message, `caughtUp` once the subscription is live, `gap` when what was asked for by ' +
    'cursor is not kept, `error` before the stream is cut. `id` of an event is the cursor to resume from.',
  querystring: topicQuery.extend({
    cursor: z.string().max(1024).optional().describe('as Last-Event-ID'),
    ticket: ticketQuery,
  }),
  headers: z.object({ 'last-event-id': z.string().max(1024).optional() }),
  response: {
    200: { description: 'The stream', content: { 'text/event-stream': { schema: messageSchema } } },
    ...errorResponses,
  },
};

/** One message, the same bytes for every SSE client. */
const encoding: Encoding = {
  encode: ({ id, namespace, topic, author, epoch, seq, time, data }: Delivery) =>
    event('message', { id, namespace, topic, author, epoch, seq, time, data_base64: encodeBase64(data) }, id),
};

type SseContext = ReadingContext &
  Pick<Context, 'hub' | 'turn' | 'clients' | 'config' | 'events' | 'metrics'>;

export function sseRoutes(app: Routes, context: SseContext): void {
  const { hub, turn, clients, config, events, metrics } = context;
  const options = { config: { readsNamespace: 'topic' as const }, schema: sseSchema, exposeHeadRoute: false };
  app.get(SSE_PATH, options, (request, reply) => {
    if (clients.isFull) throw new GatewayError('too_many_clients', ERRORS.too_many_clients.meaning);
    const name = topicName(request.query);
    const cursor = request.headers['last-event-id'] ?? request.query.cursor;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // a stream that was ended is over: nothing else would come on its connection
      connection: 'close',
      // nginx would gather events otherwise
      'x-accel-buffering': 'no',
    });
    raw.flushHeaders();
    const stream = new EventStream(
      { raw, clients, hub, turn, metrics, events },
      {
        topic: name,
        shown: ownNamespace(request),
        standing: standingOf(request.principal),
        checkReading: readingCheck(context, request.principal, name),
        queueMaxBytes: config['gateway.clientQueueBytes'],
        slowMs: config['gateway.slowClientMs'],
      },
    );
    stream.open();
    if (cursor !== undefined)
      stream.send(event('gap', { code: 'no_history', error: ERRORS.no_history.meaning }));
    stream.send(event('caughtUp', { namespace: ownNamespace(request) ?? name.namespace, topic: name.topic }));
  });
}

/** A check that the stream may go on; undefined where that is its client's own. */
function readingCheck(
  context: ReadingContext,
  principal: Principal,
  topic: TopicName,
): (() => void) | undefined {
  if (!isByPolicy(principal, topic.namespace)) return undefined;
  return () => checkReading(context, principal, topic);
}

interface StreamComponents {
  readonly raw: ServerResponse;
  readonly clients: Clients;
  readonly hub: Hub;
  readonly turn: EndOfTurn;
  readonly metrics: GatewayMetrics;
  readonly events: Events;
}

interface StreamInit {
  readonly topic: TopicName;
  /** The client's name for the namespace, where that is not its name here. */
  readonly shown: string | undefined;
  readonly standing: CredentialStatus | null;
  /** Throws once that may not be read any more. */
  readonly checkReading: (() => void) | undefined;
  readonly queueMaxBytes: number;
  readonly slowMs: number;
}

/** One SSE client: subscribed to its topic for as long as it is connected. */
class EventStream implements StreamClient, Sink, OutboxOwner {
  readonly standing: CredentialStatus | null;
  readonly #components: StreamComponents;
  readonly #topic: TopicName;
  readonly #shown: string | undefined;
  readonly #checkReading: (() => void) | undefined;
  readonly #outbox: Outbox;
  #leaveClients: (() => void) | undefined;
  #leaveTopic: (() => void) | undefined;
  #cutTimer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(components: StreamComponents, init: StreamInit) {
    this.#components = components;
    this.#topic = init.topic;
    this.#shown = init.shown;
    this.standing = init.standing;
    this.#checkReading = init.checkReading;
    const { raw, turn, metrics } = components;
    this.#outbox = new Outbox(
      { out: raw, turn, owner: this, metrics },
      { maxBytes: init.queueMaxBytes, slowMs: init.slowMs },
    );
  }

  /** Begins: from here on the client gets messages. */
  open(): void {
    const { raw, clients, hub, metrics } = this.#components;
    raw.on('error', () => this.terminate());
    raw.on('close', () => this.#end());
    this.#leaveClients = clients.add(this);
    metrics.sseClients += 1;
    this.#leaveTopic = hub.subscribe(this.#topic, encoding, this, this.#shown);
  }

  send(frame: Buffer): void {
    this.take(single(frame));
  }

  take(batch: Batch): void {
    this.#outbox.push(batch);
  }

  beat(): void {
    try {
      this.#checkReading?.();
    } catch (error) {
      if (error instanceof GatewayError) {
        this.#cut(error.code);
        return;
      }
    }
    this.take(HEARTBEAT);
  }

  endCredential(): void {
    const { raw, events } = this.#components;
    if (raw.writableEnded) return;
    events.report('credential_ended', { kind: 'sse' });
    this.#cut('unauthenticated', CREDENTIAL_ENDED);
  }

  goAway(): void {
    this.#cut('going_away');
  }

  terminate(): void {
    this.#components.raw.destroy();
  }

  /** It asks for nothing once it streams: there is nothing to leave unread. */
  pause(): void {}

  resume(): void {}

  onTooSlow(reason: SlowReason): void {
    this.#components.events.report('client_cut', { kind: 'sse', reason });
    this.#cut('too_slow');
  }

  /** Says why, if the client still reads, and ends. */
  #cut(code: ErrorCode, error: string = ERRORS[code].meaning): void {
    const { raw } = this.#components;
    if (raw.writableEnded) return;
    this.#leaveTopic?.();
    this.#outbox.finish();
    raw.end(event('error', { code, error }));
    this.#cutTimer = setTimeout(() => this.terminate(), CLOSE_TIMEOUT_MS);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#components.metrics.sseClients -= 1;
    clearTimeout(this.#cutTimer);
    this.#outbox.close();
    this.#leaveTopic?.();
    this.#leaveClients?.();
  }
}

function event(type: string, data: object, id?: string): Buffer {
  const head = id === undefined ? '' : `id: ${id}\n`;
  const text = `${head}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  const bytes = ownBuffer(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}
