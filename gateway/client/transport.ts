import { ClientError, errorFrom } from './errors.ts';

/** A call that takes longer is given up: the server answers or fails well before. */
const CALL_TIMEOUT_MS = 30_000;

export interface TransportInit {
  /** Of the gateway. */
  readonly url: string;
  /** The platform's unless given. */
  readonly fetch?: typeof globalThis.fetch;
}

export type Query = Readonly<Record<string, string | undefined>>;

export function urlOf(init: TransportInit, path: string, query: Query): URL {
  const url = new URL(path, init.url);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

/** The answer, whatever it is. Throws `ClientError` `unreachable`. */
export async function send(init: TransportInit, url: URL, request: RequestInit = {}): Promise<Response> {
  const platformOrGiven = init.fetch ?? fetch;
  try {
    return await platformOrGiven(url, { ...request, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  } catch (cause) {
    throw unreachable(init, cause);
  }
}

/** The JSON of an answer that is no error. Throws `ClientError`. */
export async function call<T>(init: TransportInit, url: URL, request: RequestInit = {}): Promise<T> {
  const response = await send(init, url, request);
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw errorFrom(answer, response.status);
  return answer as T;
}

/** The bytes of an answer that is no error. Throws `ClientError`, also when the answer is cut off. */
export async function bytesOf(init: TransportInit, response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw unreachable(init, cause);
  }
}

function unreachable({ url }: TransportInit, cause: unknown): ClientError {
  return new ClientError('unreachable', 0, `no gateway answers at ${url}`, { cause });
}
