import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { FastifyServerFactory } from 'fastify';
import {
  HEADERS_MAX_BYTES,
  HEADERS_MAX_COUNT,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
} from '../limits.ts';

const OPTIONS = {
  maxHeaderSize: HEADERS_MAX_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
  // curl and others offer h2c in the same header; they mean plain HTTP if it is not taken
  shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket',
};

/** Makes the server with its limits. `tls`: what it shows clients; null for plain HTTP. */
export function httpServerFactory(
  tls: SecureContextOptions | null,
  init: { maxConnections: number },
): FastifyServerFactory {
  return (handler): Server => {
    const server =
      tls === null
        ? createServer(OPTIONS, handler)
        : createTlsServer({ ...OPTIONS, ...tls, handshakeTimeout: HEADERS_TIMEOUT_MS }, handler);
    server.maxConnections = init.maxConnections;
    server.maxHeadersCount = HEADERS_MAX_COUNT;
    return server;
  };
}
