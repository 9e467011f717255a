import { connect, type Socket } from 'node:net';

/** Counts the messages in the bytes a server sends. */
export interface Counter {
  /** Messages so far, whole ones. */
  readonly count: number;
  /** Whether the server has said that this connection is subscribed. */
  readonly isReady: boolean;
  /** Takes the first `length` bytes of `chunk`; what it returns is to be sent back. */
  take(chunk: Buffer, length: number): Buffer | undefined;
}

/** One buffer for all: a chunk is looked through before the next is read. */
const READ_BUFFER = Buffer.alloc(256 * 1024);

/** A connection that costs next to nothing: bytes are counted where they were read, nothing is decoded. */
export function leanSocket(port: number, hello: string, counter: Counter): Socket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    onread: {
      buffer: READ_BUFFER,
      callback: (length) => {
        const answer = counter.take(READ_BUFFER, length);
        if (answer !== undefined) socket.write(answer);
        return true;
      },
    },
  });
  socket.setNoDelay();
  socket.write(hello);
  return socket;
}

const LINE_FEED = 0x0a;

/** Frames of RFC 6455 after the handshake. `greetings` data frames come before the messages. */
export class WebSocketCounter implements Counter {
  count: number;
  #handshake: string | undefined = '';
  /** Bytes of a frame's head seen so far, and those of its payload still to come. */
  readonly #head: number[] = [];
  #left = 0;
  #wasPinged = false;

  constructor(greetings: number) {
    this.count = -greetings;
  }

  get isReady(): boolean {
    return this.#handshake === undefined && this.count >= 0;
  }

  take(chunk: Buffer, length: number): Buffer | undefined {
    this.#wasPinged = false;
    let at = this.#handshake === undefined ? 0 : this.#takeHandshake(chunk, length);
    while (at < length) {
      if (this.#left === 0 && this.#head.length === 0 && length - at >= 4 && chunk[at + 1] === 126) {
        // nearly all frames: a head in one piece, two bytes of length
        this.#left = ((chunk[at + 2] ?? 0) << 8) | (chunk[at + 3] ?? 0);
        this.#check(chunk[at] ?? 0);
        at += 4;
      } else if (this.#left === 0) {
        this.#takeHead(chunk[at] ?? 0);
        at += 1;
      } else {
        const step = Math.min(this.#left, length - at);
        at += step;
        this.#left -= step;
        if (this.#left === 0) this.count += 1;
      }
    }
    return this.#wasPinged ? PONG : undefined;
  }

  #takeHandshake(chunk: Buffer, length: number): number {
    const before = this.#handshake?.length ?? 0;
    const text = `${this.#handshake}${chunk.toString('latin1', 0, length)}`;
    const end = text.indexOf('\r\n\r\n');
    this.#handshake = text;
    if (end < 0) return length;
    if (!text.startsWith('HTTP/1.1 101 ')) throw new Error(text);
    this.#handshake = undefined;
    return end + 4 - before;
  }

  #takeHead(byte: number): void {
    const head = this.#head;
    head.push(byte);
    const [opcode = 0, short = 0] = head;
    if (head.length < 2) return;
    const size = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (head.length < size) return;
    let bytes = short;
    if (size > 2) bytes = head.slice(2).reduce((sum, one) => sum * 256 + one, 0);
    head.length = 0;
    this.#check(opcode);
    // a ping is empty, and no message is
    this.#left = bytes;
    this.#wasPinged ||= (opcode & 0x0f) === 9;
  }

  /** A connection that the server closes ends the experiment. */
  #check(opcode: number): void {
    if ((opcode & 0x0f) === 8) throw new Error('the server closed a connection');
  }
}

/** The NATS protocol: lines, and payloads after MSG lines. */
export class NatsCounter implements Counter {
  count = 0;
  isReady = false;
  #line = '';
  #left = 0;

  take(chunk: Buffer, length: number): Buffer | undefined {
    let answer: Buffer | undefined;
    let at = 0;
    while (at < length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, length - at);
        at += step;
        this.#left -= step;
        if (this.#left === 0) this.count += 1;
        continue;
      }
      const end = chunk.indexOf(LINE_FEED, at);
      const isWhole = end >= 0 && end < length;
      const next = isWhole ? end + 1 : length;
      const line = this.#line + chunk.toString('latin1', at, next);
      at = next;
      this.#line = isWhole ? '' : line;
      if (isWhole) answer = this.#takeLine(line) ?? answer;
    }
    return answer;
  }

  #takeLine(line: string): Buffer | undefined {
    if (line.startsWith('MSG ')) {
      this.#left = Number(line.slice(line.lastIndexOf(' ') + 1)) + 2;
      return undefined;
    }
    if (line.startsWith('-ERR')) throw new Error(line);
    if (line.startsWith('PONG')) this.isReady = true;
    return line.startsWith('PING') ? NATS_PONG : undefined;
  }
}

const NATS_PONG = Buffer.from('PONG\r\n');

/** A client's frame, its mask all zero: the payload as it is. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const head = payload.byteLength < 126 ? Buffer.alloc(6) : Buffer.alloc(8);
  head[0] = 0x80 | opcode;
  if (head.byteLength === 6) head[1] = 0x80 | payload.byteLength;
  else {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.byteLength, 2);
  }
  return Buffer.concat([head, payload]);
}

/** Without one a server drops the connection after a minute or two. */
const PONG = clientFrame(10, Buffer.alloc(0));

export interface HandshakeInit {
  readonly port: number;
  readonly path: string;
  readonly protocol?: string | undefined;
  /** Further header lines. */
  readonly headers?: readonly string[] | undefined;
}

export function handshake({ port, path, protocol, headers = [] }: HandshakeInit): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: bWFpbGxvbi1mYW5vdXQtMQ==',
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ...headers,
    '',
    '',
  ].join('\r\n');
}
