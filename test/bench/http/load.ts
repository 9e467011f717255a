/** A client that costs less than any server: fixed bytes out, bytes of a known length back, over connections that stay. */
import { connect, type Socket } from 'node:net';
import { answerAsked } from '../../support/asked-process.ts';

export type Line = readonly [name: string, value: string];

export interface LoadRequest {
  readonly port: number;
  readonly path: string;
  readonly headers: readonly Line[];
  /** Each asks again when it was answered. */
  readonly connections: number;
  readonly ms: number;
}

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  /** CPU time of this client, as a share of one processor. */
  readonly cpu: number;
}

const STATUS = 'HTTP/1.1 200 ';
const END_OF_HEAD = '\r\n\r\n';

class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #isOver: () => boolean;
  /** Bytes of an answer; 0 until the first has come. Answers differ in nothing but a date. */
  #length = 0;
  #had = 0;
  #first = '';
  answers = 0;
  readonly done: Promise<void>;

  constructor(port: number, request: Buffer, isOver: () => boolean) {
    this.#request = request;
    this.#isOver = isOver;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.done = new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.once('connect', () => this.#socket.write(this.#request));
      this.#socket.on('data', (chunk) => {
        try {
          if (this.#take(chunk)) resolve();
        } catch (error) {
          reject(error);
        }
      });
      this.#socket.once('close', () => reject(new Error('the server hung up')));
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Whether this was the last answer. */
  #take(chunk: Buffer): boolean {
    if (this.#length === 0) {
      this.#first += chunk.toString('latin1');
      this.#length = lengthOf(this.#first);
      this.#had = this.#first.length;
    } else {
      if (this.#had === 0 && chunk.toString('latin1', 0, STATUS.length) !== STATUS) {
        throw new Error(`an answer begins with ${chunk.toString('latin1', 0, 64)}`);
      }
      this.#had += chunk.byteLength;
    }
    if (this.#length === 0 || this.#had < this.#length) return false;
    if (this.#had > this.#length) throw new Error(`an answer has ${this.#had} bytes, not ${this.#length}`);
    this.#had = 0;
    this.answers += 1;
    if (this.#isOver()) return true;
    this.#socket.write(this.#request);
    return false;
  }
}

/** Length of a whole answer from its head; 0 while the head is incomplete. */
function lengthOf(text: string): number {
  const end = text.indexOf(END_OF_HEAD);
  if (end < 0) return 0;
  if (!text.startsWith(STATUS)) throw new Error(`the server answers ${text.slice(0, 300)}`);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (length === undefined) throw new Error('an answer does not say how long it is');
  return end + END_OF_HEAD.length + Number(length);
}

async function load({ port, path, headers, connections, ms }: LoadRequest): Promise<Load> {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines}\r\n`);
  let isOver = false;
  const open = Array.from({ length: connections }, () => new Connection(port, request, () => isOver));
  const before = process.cpuUsage();
  const since = performance.now();
  const timer = setTimeout(() => {
    isOver = true;
  }, ms);
  try {
    await Promise.all(open.map(({ done }) => done));
  } finally {
    clearTimeout(timer);
    for (const one of open) one.end();
  }
  const seconds = (performance.now() - since) / 1000;
  const { user, system } = process.cpuUsage(before);
  const requests = open.reduce((sum, { answers }) => sum + answers, 0);
  return { requests, seconds, cpu: (user + system) / 1e6 / seconds };
}

answerAsked(load);
