import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { FastifyServerFactory } from 'fastify';
import {
  HEADERS_MAX_BYTES,
  HEADERS_MAX_COUNT,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
} from '../../core/limits.ts';
import type { BodyDeadlines } from './body-deadlines.ts';

const OPTIONS = {
  maxHeaderSize: HEADERS_MAX_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  // it is one for all requests: `deadlines` has one for each
  requestTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
  // curl and others offer h2c in the same header; they mean plain HTTP if it is not taken
  shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket',
};

/** Makes the server with its limits. `tls`: what it shows clients; null for plain HTTP. */
export function httpServerFactory(
  tls: SecureContextOptions | null,
  init: { readonly maxConnections: number; readonly deadlines: BodyDeadlines },
): FastifyServerFactory {
  return (handler): Server => {
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      init.deadlines.begin(request, response);
      handler(request, response);
    };
    const server =
      tls === null
        ? createServer(OPTIONS, handle)
        : createTlsServer({ ...OPTIONS, ...tls, handshakeTimeout: HEADERS_TIMEOUT_MS }, handle);
    // whoever asks first is told to go on when somebody wants the body: see `sendContinue`
    server.on('checkContinue', handle);
    server.maxConnections = init.maxConnections;
    server.maxHeadersCount = HEADERS_MAX_COUNT;
    return server;
  };
}

/** Tells a client that asked first to send its body. */
export function sendContinue(request: IncomingMessage, response: ServerResponse): void {
  const isAsking = request.headers.expect !== undefined && request.httpVersion === '1.1';
  if (isAsking && !response.headersSent) response.writeContinue();
}
