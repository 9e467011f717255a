import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Delivery } from '../../node/index.ts';
import { encodeBase64 } from '../base64.ts';
import type { Clients, StreamClient } from '../clients.ts';
import { type Context, topicName } from '../context.ts';
import { type ErrorCode, ERRORS, GatewayError } from '../errors.ts';
import type { Encoding } from '../hub.ts';
import { CLOSE_TIMEOUT_MS } from '../limits.ts';
import { errorResponses, messageSchema, topicQuery } from '../schemas.ts';
import { Outbox } from '../ws/outbox.ts';
import type { Routes } from './routes.ts';

const HEARTBEAT = Buffer.from(': still here\n\n');

const sseSchema = {
  summary: 'Messages of a topic as server-sent events',
  operationId: 'sse',
  tags: ['pubsub'],
  description:
    'Events: `message` with a Message, `caughtUp` once the subscription is live, `gap` when what was asked for by ' +
    'cursor is not kept, `error` before the stream is cut. `id` of an event is the cursor to resume from.',
  querystring: topicQuery.extend({ cursor: z.string().max(1024).optional().describe('as Last-Event-ID') }),
  headers: z.object({ 'last-event-id': z.string().max(1024).optional() }),
  response: {
    200: { description: 'The stream', content: { 'text/event-stream': { schema: messageSchema } } },
    ...errorResponses,
  },
};

/** One message, the same bytes for every SSE client. */
const encoding: Encoding = {
  encode: ({ id, namespace, topic, author, seq, time, data }: Delivery) =>
    event('message', { id, namespace, topic, author, seq, time, data_base64: encodeBase64(data) }, id),
};

type SseContext = Pick<Context, 'hub' | 'clients' | 'config'>;

export function pubsubSseRoutes(app: Routes, { hub, clients, config }: SseContext): void {
  const options = { schema: sseSchema, exposeHeadRoute: false };
  app.get('/v1/pubsub/sse', options, (request, reply) => {
    if (clients.isFull) throw new GatewayError('too_many_clients', ERRORS.too_many_clients.meaning);
    const name = topicName(request.query);
    const cursor = request.headers['last-event-id'] ?? request.query.cursor;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would gather events otherwise
      'x-accel-buffering': 'no',
    });
    raw.flushHeaders();
    const stream = new EventStream({ raw, clients }, { queueMaxBytes: config['gateway.clientQueueBytes'] });
    stream.onEnd(hub.subscribe(name, encoding, (frame) => stream.send(frame)));
    if (cursor !== undefined)
      stream.send(event('gap', { code: 'no_history', error: ERRORS.no_history.meaning }));
    stream.send(event('caughtUp', { namespace: name.namespace, topic: name.topic }));
  });
}

/** One SSE client. */
class EventStream implements StreamClient {
  readonly #raw: ServerResponse;
  readonly #outbox: Outbox;
  readonly #ends: (() => void)[] = [];

  constructor(components: { raw: ServerResponse; clients: Clients }, init: { queueMaxBytes: number }) {
    this.#raw = components.raw;
    this.#outbox = new Outbox(
      { out: this.#raw },
      { maxBytes: init.queueMaxBytes, onOverflow: () => this.#cut('too_slow') },
    );
    this.#ends.push(components.clients.add(this));
    this.#raw.on('error', () => this.terminate());
    this.#raw.on('close', () => this.#end());
  }

  /** `listener` is called once the stream is over. */
  onEnd(listener: () => void): void {
    this.#ends.push(listener);
  }

  send(frame: Buffer): void {
    this.#outbox.push(frame);
  }

  beat(): void {
    this.send(HEARTBEAT);
  }

  goAway(): void {
    this.#cut('going_away');
  }

  terminate(): void {
    this.#raw.destroy();
  }

  /** Says why, if the client still reads, and ends. */
  #cut(code: ErrorCode): void {
    if (this.#raw.writableEnded) return;
    this.#outbox.finish();
    this.#raw.end(event('error', { code, error: ERRORS[code].meaning }));
    const timer = setTimeout(() => this.terminate(), CLOSE_TIMEOUT_MS);
    this.onEnd(() => clearTimeout(timer));
  }

  #end(): void {
    this.#outbox.close();
    for (const end of this.#ends.splice(0)) end();
  }
}

function event(type: string, data: object, id?: string): Buffer {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return Buffer.from(`${head}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}
