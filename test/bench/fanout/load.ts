import { once } from 'node:events';
import type { Socket } from 'node:net';
import { answerAsked } from '../../support/asked-process.ts';
import {
  type Counter,
  clientFrame,
  handshake,
  leanSocket,
  NatsCounter,
  WebSocketCounter,
} from './lean-socket.ts';

/** How a server is spoken to, and what its messages look like. */
export type Wire = 'json' | 'cbor' | 'raw' | 'loop' | 'nats';

export type LoadRequest =
  | { readonly type: 'open'; readonly wire: Wire; readonly port: number; readonly subscribers: number }
  | { readonly type: 'idle'; readonly port: number; readonly sockets: number; readonly headerBytes: number }
  | { readonly type: 'run'; readonly warmUpMs: number; readonly measureMs: number }
  | { readonly type: 'close' };

export interface Run {
  readonly perSecond: number;
  readonly published: number;
  /** Deliveries over what should have been delivered, once nothing came any more. */
  readonly deliveryRatio: number;
  /** Fewest and most deliveries of any subscriber. */
  readonly least: number;
  readonly most: number;
  /** Share of one processor that this process used while measured. */
  readonly cpu: number;
}

export const PAYLOAD_BYTES = 200;
const PUBLISHERS = 8;
/** Messages on their way at once: some 1 MB for each subscriber, a quarter of what a gateway lets wait. */
const WINDOW = 2048;
/** Publishes written at once. */
const BURST = 64;
const TICK_MS = 2;
/** The loop it is compared with needs half a minute for a window when the machine does much else. */
const DRAIN_MS = 60_000;
/** Handshakes at a time: a server's backlog is 511. */
const OPENING = 100;
const TOPIC = 'fanout';

interface Line {
  readonly socket: Socket;
  readonly counter: Counter;
}

const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
let subscribers: Line[] = [];
let publishers: Line[] = [];
let burst = Buffer.alloc(0);
let burstFrameBytes = 0;
let published = 0;

answerAsked(async (request: LoadRequest) => {
  switch (request.type) {
    case 'open':
      return open(request.wire, request.port, request.subscribers);
    case 'idle':
      return openIdle(request);
    case 'run':
      return run(request.warmUpMs, request.measureMs);
    default:
      return close();
  }
});

async function open(wire: Wire, port: number, count: number): Promise<void> {
  published = 0;
  const frame = publishFrame(wire);
  burstFrameBytes = frame.byteLength;
  burst = Buffer.concat(Array.from({ length: BURST }, () => frame));
  subscribers = await connectAll(count, () => subscriber(wire, port));
  publishers = await connectAll(PUBLISHERS, () => publisher(wire, port));
}

/** Connections as of a browser's page: a subprotocol, a topic, a kilobyte of headers. */
async function openIdle(request: Extract<LoadRequest, { type: 'idle' }>): Promise<void> {
  const { port, sockets, headerBytes } = request;
  const headers = [
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537',
    'Accept-Language: en-GB,en;q=0.9,fr;q=0.8',
    `Cookie: page=${'t'.repeat(headerBytes)}`,
  ];
  subscribers = await connectAll(sockets, () => {
    const init = { port, path: `/v1/pubsub/ws?topic=${TOPIC}`, protocol: 'maillon.json.1', headers };
    const counter = new WebSocketCounter(1);
    return { socket: leanSocket(port, handshake(init), counter), counter };
  });
}

async function connectAll(count: number, connect: () => Line): Promise<Line[]> {
  const lines: Line[] = [];
  while (lines.length < count) {
    const some = Array.from({ length: Math.min(OPENING, count - lines.length) }, connect);
    lines.push(...some);
    while (!some.every(({ counter }) => counter.isReady)) await elapse(TICK_MS);
  }
  for (const { socket } of lines) socket.setKeepAlive(false);
  return lines;
}

const NATS_HELLO = 'CONNECT {"verbose":false,"pedantic":false}\r\n';
const PROTOCOLS = { json: 'maillon.json.1', cbor: 'maillon.cbor.1', raw: undefined } as const;

function subscriber(wire: Wire, port: number): Line {
  if (wire === 'nats') {
    const counter = new NatsCounter();
    return { socket: leanSocket(port, `${NATS_HELLO}SUB ${TOPIC} 1\r\nPING\r\n`, counter), counter };
  }
  const greets = wire === 'json' || wire === 'cbor';
  const protocol = wire === 'loop' ? undefined : PROTOCOLS[wire];
  const path = wire === 'loop' ? '/subscribe' : `/v1/pubsub/ws?topic=${TOPIC}`;
  const counter = new WebSocketCounter(greets ? 1 : 0);
  return { socket: leanSocket(port, handshake({ port, path, protocol }), counter), counter };
}

/** A connection that gets nothing but answers. */
function publisher(wire: Wire, port: number): Line {
  if (wire === 'nats') {
    const counter = new NatsCounter();
    return { socket: leanSocket(port, `${NATS_HELLO}PING\r\n`, counter), counter };
  }
  const init =
    wire === 'loop'
      ? { port, path: '/publish' }
      : { port, path: '/v1/pubsub/ws', protocol: PROTOCOLS[wire === 'cbor' ? 'cbor' : 'json'] };
  const counter = new WebSocketCounter(wire === 'loop' ? 0 : 1);
  return { socket: leanSocket(port, handshake(init), counter), counter };
}

function publishFrame(wire: Wire): Buffer {
  switch (wire) {
    case 'nats':
      return Buffer.concat([Buffer.from(`PUB ${TOPIC} ${PAYLOAD_BYTES}\r\n`), payload, Buffer.from('\r\n')]);
    case 'loop':
      return clientFrame(2, payload);
    case 'cbor':
      return clientFrame(2, cborPublish());
    default: {
      const frame = { type: 'publish', topic: TOPIC, data_base64: payload.toString('base64') };
      return clientFrame(1, Buffer.from(JSON.stringify(frame)));
    }
  }
}

/** A text of less than 24 bytes in CBOR. */
function text(value: string): Buffer {
  return Buffer.from(`${String.fromCharCode(0x60 + value.length)}${value}`);
}

/** `{data, type, topic}`, keys in DAG-CBOR order. */
function cborPublish(): Buffer {
  const data = Buffer.concat([Buffer.from([0x58, PAYLOAD_BYTES]), payload]);
  return Buffer.concat([
    Buffer.from([0xa3]),
    text('data'),
    data,
    text('type'),
    text('publish'),
    text('topic'),
    text(TOPIC),
  ]);
}

function received(): { total: number; least: number; most: number } {
  const result = { total: 0, least: Number.POSITIVE_INFINITY, most: 0 };
  for (const { counter } of subscribers) {
    const { count } = counter;
    result.total += count;
    if (count < result.least) result.least = count;
    if (count > result.most) result.most = count;
  }
  return result;
}

/** As many messages as the server takes while every subscriber keeps up. */
async function run(warmUpMs: number, measureMs: number): Promise<Run> {
  const timer = setInterval(fillWindow, TICK_MS);
  await elapse(warmUpMs);
  const before = received();
  const usedBefore = process.cpuUsage();
  const startedAt = performance.now();
  await elapse(measureMs);
  const after = received();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(usedBefore);
  clearInterval(timer);
  await drained();
  const { total, least, most } = received();
  return {
    perSecond: Math.round((after.total - before.total) / seconds),
    published,
    deliveryRatio: total / (published * subscribers.length),
    least,
    most,
    cpu: (user + system) / 1e6 / seconds,
  };
}

function fillWindow(): void {
  let room = WINDOW - (published - received().least);
  for (let index = 0; room > 0; index = (index + 1) % publishers.length) {
    const count = Math.min(BURST, room);
    publishers[index]?.socket.write(burst.subarray(0, count * burstFrameBytes));
    published += count;
    room -= count;
  }
}

async function drained(): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  while (received().total < published * subscribers.length && performance.now() < deadline) {
    await elapse(TICK_MS);
  }
}

async function close(): Promise<void> {
  const lines = [...subscribers, ...publishers];
  subscribers = [];
  publishers = [];
  await Promise.all(
    lines.map(async ({ socket }) => {
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    }),
  );
}

function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
