import { once } from 'node:events';
import { WebSocket } from 'ws';

/** One frame as it came. */
export interface Frame {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** A WebSocket client that keeps what it gets until it is asked for. */
export class WsClient implements AsyncDisposable {
  readonly socket: WebSocket;
  /** How the server closed it. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: Frame[] = [];
  #wake: () => void = () => undefined;

  constructor(url: string, protocols: string[] = [], headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, protocols, { headers, perMessageDeflate: false });
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({
      code: Number(code),
      reason: String(reason),
    }));
    this.closed.catch(() => undefined);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.#frames.push({ data, isBinary });
      this.#wake();
    });
  }

  /** Resolves once it is connected, rejects when it is refused. */
  static async open(url: string, protocols?: string[], headers?: Record<string, string>): Promise<WsClient> {
    const client = new WsClient(url, protocols, headers);
    await once(client.socket, 'open');
    return client;
  }

  /** The HTTP answer with which a connection is refused. */
  static async refused(
    url: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown }> {
    const socket = new WebSocket(url, { headers });
    socket.on('error', () => undefined);
    const [, response] = await once(socket, 'unexpected-response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    socket.terminate();
    return { status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) };
  }

  /** The next frame, in order, waiting for it when there is none yet. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next frame as JSON. */
  async nextJson(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.next()).data.toString()) as Record<string, unknown>;
  }

  send(data: unknown): void {
    this.socket.send(Buffer.isBuffer(data) ? data : typeof data === 'string' ? data : JSON.stringify(data));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.terminate();
    await this.closed;
  }
}
