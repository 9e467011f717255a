import { type Credential, CredentialHolder } from './credential.ts';
import { ClientError, errorFrom } from './errors.ts';

/** A call that takes longer is given up: the server answers or fails well before. */
const CALL_TIMEOUT_MS = 30_000;
const UNAUTHENTICATED = 401;

export interface TransportInit {
  /** The gateway's URL. */
  readonly url: string;
  /** The platform's unless given. */
  readonly fetch?: typeof globalThis.fetch;
  /** Sent with every request. */
  readonly credentials?: CredentialHolder;
}

export type Query = Readonly<Record<string, string | undefined>>;

/** Holds `credential` for requests to this gateway. */
export function holdCredential(init: TransportInit, credential: Credential): CredentialHolder {
  const post = async (path: string, body: object): Promise<Response> =>
    sendOnce(init, urlOf(init, path, {}), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return new CredentialHolder({ post }, credential);
}

export function urlOf(init: TransportInit, path: string, query: Query): URL {
  const url = new URL(path, init.url);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

/**
 * The answer, whatever it is. A request that is refused because its access token has ended is sent once more with another one. Throws
 * `ClientError`: `unreachable`, or what the refresh failed with.
 */
export async function send(init: TransportInit, url: URL, request: RequestInit = {}): Promise<Response> {
  const { credentials } = init;
  if (credentials === undefined) return sendOnce(init, url, request);
  const { authorization } = credentials;
  const response = await sendOnce(init, url, withAuthorization(request, authorization));
  if (response.status !== UNAUTHENTICATED || !(await credentials.renew(authorization))) return response;
  await response.body?.cancel();
  return sendOnce(init, url, withAuthorization(request, credentials.authorization));
}

async function sendOnce(init: TransportInit, url: URL, request: RequestInit): Promise<Response> {
  const platformOrGiven = init.fetch ?? fetch;
  try {
    // a caller that gives a signal ends the call with it
    return await platformOrGiven(url, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS), ...request });
  } catch (cause) {
    throw unreachable(init, cause);
  }
}

/** In this header and no other: it is the one that is not passed on where a redirect leads to another site. */
function withAuthorization(request: RequestInit, authorization: string): RequestInit {
  const headers = new Headers(request.headers);
  headers.set('authorization', authorization);
  return { ...request, headers };
}

/** The JSON of an answer that is no error. Throws `ClientError`. */
export async function call<T>(init: TransportInit, url: URL, request: RequestInit = {}): Promise<T> {
  const response = await send(init, url, request);
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw errorFrom(answer, response.status);
  return answer as T;
}

export function unreachable({ url }: TransportInit, cause: unknown): ClientError {
  return new ClientError('unreachable', 0, `no gateway answers at ${url}`, { cause });
}
