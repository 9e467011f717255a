import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a gateway that breaks: the first connections are reset after so many bytes, in whichever direction. */
export class CuttingProxy implements AsyncDisposable {
  cuts = 0;
  /** Bytes that went through, in both directions. */
  passed = 0;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  private constructor(
    target: URL,
    { cuts, afterBytes }: { readonly cuts: number; readonly afterBytes: number },
  ) {
    this.#server.on('connection', (client) => {
      const upstream = connect(Number(target.port), target.hostname);
      const pair = [client, upstream] as const;
      let passed = 0;
      const pass = (to: Socket) => (chunk: Buffer) => {
        passed += chunk.byteLength;
        this.passed += chunk.byteLength;
        to.write(chunk);
        if (this.cuts >= cuts || passed < afterBytes) return;
        this.cuts += 1;
        for (const socket of pair) socket.resetAndDestroy();
      };
      client.on('data', pass(upstream));
      upstream.on('data', pass(client));
      for (const socket of pair) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          for (const other of pair) other.destroy();
        });
      }
    });
  }

  static async to(
    url: string,
    init: { readonly cuts: number; readonly afterBytes: number },
  ): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(url), init);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
