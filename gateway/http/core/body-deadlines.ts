import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerClientError } from './error-handler.ts';

interface Coming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly until: number;
}

/**
 * Requests whose bodies are still coming, each with the time by which it has to be there: the HTTP server has one
 * deadline for all, and a large value may take hours. One periodic check covers all of them: a timer for each would
 * cost every request.
 */
export class BodyDeadlines {
  readonly #coming = new Map<Socket, Coming>();
  readonly #timeoutMs: number;
  readonly #now: () => number;

  constructor(init: { readonly timeoutMs: number; readonly now?: () => number }) {
    this.#timeoutMs = init.timeoutMs;
    this.#now = init.now ?? (() => performance.now());
  }

  /** Counts from now. A connection has one request at a time: the next one takes its place. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (coding === undefined && (length === undefined || length === '0')) return;
    this.#coming.set(request.socket, { request, response, until: this.#now() + this.#timeoutMs });
  }

  /** The reader of the body enforces its own deadline. */
  lift(request: IncomingMessage): void {
    this.#coming.delete(request.socket);
  }

  /** Nobody wants the rest of the body: the client has some time to hear why, while it is thrown away. */
  discard(request: IncomingMessage, response: ServerResponse): void {
    this.begin(request, response);
    request.resume();
  }

  /** Disconnects clients whose body is late. */
  sweep(): void {
    const now = this.#now();
    for (const [socket, { request, response, until }] of this.#coming) {
      if (request.complete || socket.destroyed) this.#coming.delete(socket);
      else if (until < now) {
        this.#coming.delete(socket);
        if (response.headersSent) socket.destroy();
        else answerClientError(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
      }
    }
  }
}
