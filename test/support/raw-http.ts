import { type Agent, request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  /** The bytes as text. */
  readonly text: string;
  /** The text as JSON; null when it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- every route has another shape; the test looks at it
  readonly body: any;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Keeps connections for the next request; without one each has its own. */
  readonly agent?: Agent;
}

/** A request whose path and headers go out as they are: `fetch` would normalise the one and refuse some of the others. */
export async function rawRequest(url: string, path: string, init: RawRequest = {}): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const { hostname, port } = new URL(url);
  const { method = 'GET', headers = {}, body, agent = false } = init;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const call = request(
    { host: hostname, port, path, method, headers: { ...length, ...headers }, agent },
    (response) => {
      buffer(response).then((bytes) => {
        const text = bytes.toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          text,
          body: parseJson(text),
        });
      }, reject);
    },
  );
  call.on('error', reject);
  call.end(body);
  return promise;
}

/** Sends bytes as they are and returns what comes until the other side hangs up. */
export async function rawBytes(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  return (await buffer(socket)).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
