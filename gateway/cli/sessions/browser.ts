/** Signing in with a wallet in the browser: the gateway's page hands the session to a port of this machine. */
import { spawn } from 'node:child_process';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError } from '../../../protocols/common/errors.ts';
import { COMMAND_LINE_CALLBACK } from '../../auth/command-line.ts';
import type { TokenAnswer } from './auth-api.ts';
import {
  BROWSER_TIMEOUT_MS,
  CALLBACK_REQUESTS_MAX,
  CALLBACK_URL_MAX_LENGTH,
  DONE_TIMEOUT_MS,
} from './limits.ts';
import type { StoredSession } from './session.ts';
import { sessionFrom } from './sign-in.ts';

export interface BrowserSignIn {
  readonly gateway: string;
  readonly namespace: string;
  /** Called with the page to go to. */
  readonly show: (url: string) => void;
  readonly timeoutMs?: number;
}

const HOST = '127.0.0.1';
const STATE_BYTES = 32;
const { pathname: CALLBACK_PATH } = new URL(COMMAND_LINE_CALLBACK);
const DONE_PATH = '/maillon/done';
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Waits until the browser comes back. Throws `login_timeout`. */
export async function signInWithBrowser(init: BrowserSignIn): Promise<StoredSession> {
  const { gateway, namespace, show, timeoutMs = BROWSER_TIMEOUT_MS } = init;
  const state = randomBytes(STATE_BYTES).toString('base64url');
  const back = new Callback(state);
  const callback = await back.listen();
  try {
    const page = new URL('/v1/auth/login', gateway);
    page.search = new URLSearchParams({ callback, namespace, state }).toString();
    show(page.href);
    const session = await sessionFrom(gateway, await back.answer(timeoutMs), null);
    if (session.namespace === namespace) return session;
    throw new CodedError('bad_answer', `the browser signed in to the namespace ${session.namespace}`);
  } finally {
    back.close();
  }
}

/** One answer, to whoever knows the state. */
class Callback {
  readonly #state: Buffer;
  readonly #server: Server;
  readonly #answer = Promise.withResolvers<TokenAnswer>();
  #requests = 0;
  #taken: TokenAnswer | null = null;

  constructor(state: string) {
    this.#state = Buffer.from(state);
    this.#server = createServer({ maxHeaderSize: 2 * CALLBACK_URL_MAX_LENGTH }, (request, response) =>
      this.#onRequest(request, response),
    );
    // whoever waits for it comes later
    this.#answer.promise.catch(() => undefined);
  }

  /** Its address. */
  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(0, HOST, resolve);
    await promise;
    const url = new URL(COMMAND_LINE_CALLBACK);
    url.port = String(this.#port);
    return url.href;
  }

  async answer(timeoutMs: number): Promise<TokenAnswer> {
    const timer = setTimeout(() => {
      const message = `nobody signed in in the browser within ${Math.round(timeoutMs / 1000)} s`;
      this.#answer.reject(new CodedError('login_timeout', message));
    }, timeoutMs);
    return this.#answer.promise.finally(() => clearTimeout(timer));
  }

  /** Requests under way are still answered. */
  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('connection', 'close');
    this.#requests += 1;
    if (this.#requests > CALLBACK_REQUESTS_MAX) {
      this.#answer.reject(
        new CodedError('login_refused', 'too many requests came in the place of the browser'),
      );
      request.destroy();
      return;
    }
    const url = this.#readUrl(request);
    if (url?.pathname === DONE_PATH) return this.#showDone(response);
    const answer = url?.pathname === CALLBACK_PATH ? this.#readAnswer(url.searchParams) : null;
    if (answer === null || this.#taken !== null) {
      return page(response, 404, 'Nothing here', 'This is not the sign-in that was asked for.');
    }
    this.#taken = answer;
    // away from the address with the tokens, which the browser would remember
    response.writeHead(303, { ...HEADERS, location: DONE_PATH }).end();
    setTimeout(() => this.#answer.resolve(answer), DONE_TIMEOUT_MS).unref();
  }

  /** Once it is shown the port may close. */
  #showDone(response: ServerResponse): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once('close', resolve);
    page(response, 200, 'Signed in', 'You may close this page.');
    const taken = this.#taken;
    if (taken !== null) void promise.then(() => this.#answer.resolve(taken));
  }

  /** Null for what no browser sends that was asked by our page: another method, another name for this machine, too long. */
  #readUrl({ method, url = '', headers }: IncomingMessage): URL | null {
    const host = `${HOST}:${this.#port}`;
    if (method !== 'GET' || headers.host !== host || url.length > CALLBACK_URL_MAX_LENGTH) return null;
    return URL.parse(url, `http://${host}`);
  }

  #readAnswer(query: URLSearchParams): TokenAnswer | null {
    const state = Buffer.from(query.get('state') ?? '');
    if (state.byteLength !== this.#state.byteLength || !timingSafeEqual(state, this.#state)) return null;
    const text = (name: string): string => query.get(name) ?? '';
    if (text('access_token') === '' || text('refresh_token') === '') return null;
    return {
      access_token: text('access_token'),
      refresh_token: text('refresh_token'),
      expires_in: Number(text('expires_in')),
      subject: text('subject'),
      namespace: text('namespace'),
    };
  }
}

function page(response: ServerResponse, status: number, title: string, text: string): void {
  response
    .writeHead(status, HEADERS)
    .end(
      `<!doctype html>\n<meta charset="utf-8">\n<title>${title}</title>\n<h1>${title}</h1>\n<p>${text}</p>\n`,
    );
}

/** Opens a page in the user's browser where there is a desktop. The page's address holds no credential. */
export function openInBrowser(url: string): void {
  const opener = openerOf(process.platform, process.env);
  if (opener === null) return;
  const [command, ...args] = opener;
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  // the address is printed in any case
  child.on('error', () => undefined);
  child.unref();
}

function openerOf(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): [string, ...string[]] | null {
  if (platform === 'darwin') return ['open'];
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open'] : null;
}
