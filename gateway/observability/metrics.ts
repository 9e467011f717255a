import { CLIENT_LIMITS, type ClientLimit } from '../protection/client-limits.ts';

/** Kinds of route that requests are counted by. */
export const ROUTE_CLASSES = ['publish', 'pubsub', 'storage', 'network', 'health', 'info', 'other'] as const;
export type RouteClass = (typeof ROUTE_CLASSES)[number];

/** Metrics of the gateway. Gauges say what is now; counters only grow, also over restarts of the gateway. */
export interface GatewayMetrics {
  /** Gauge: WebSocket clients. */
  websocketClients: number;
  /** Gauge: SSE clients. */
  sseClients: number;
  /** Gauge: clients that read too slowly now and are not listened to for it. */
  pausedClients: number;
  /** Gauge: topics subscribed to, summed over all clients. */
  subscriptions: number;
  /** Gauge: bytes that wait for clients, what their sockets hold not included. */
  queueBytes: number;
  /** Counter: clients cut because they read too slowly. */
  cutClients: number;
  /** Counter: frames and events handed to sockets, for each client. */
  framesSent: number;
  /** Counter: their bytes. */
  bytesSent: number;
  /** Counter: publishes that clients asked for, over HTTP and WebSocket. */
  messagesIn: number;
  /** Counter: those of them that were refused or failed. */
  publishFailures: number;
  /** Counter: requests refused, and frames left waiting, because somebody was over a limit, by which one. */
  readonly rateLimited: Map<ClientLimit, number>;
  /** Counter: requests that authentication refused, by why. */
  readonly authFailures: Map<AuthFailure, number>;
}

/** A credential that is not good, none where one is needed, or a sign-in that proved nothing. */
export const AUTH_FAILURES = ['credential', 'missing', 'sign-in'] as const;
export type AuthFailure = (typeof AUTH_FAILURES)[number];

/** An answered HTTP request, other than upgrades and streams. */
export interface Answered {
  readonly route: RouteClass;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
}

export function createGatewayMetrics(): GatewayMetrics {
  return {
    websocketClients: 0,
    sseClients: 0,
    pausedClients: 0,
    subscriptions: 0,
    queueBytes: 0,
    cutClients: 0,
    framesSent: 0,
    bytesSent: 0,
    messagesIn: 0,
    publishFailures: 0,
    rateLimited: new Map(CLIENT_LIMITS.map((limit) => [limit, 0])),
    authFailures: new Map(AUTH_FAILURES.map((failure) => [failure, 0])),
  };
}

/** The class of a route by its pattern; of no route, `other`. */
export function routeClass(route: string | undefined): RouteClass {
  if (route === undefined) return 'other';
  if (route === '/v1/pubsub/publish' || route === '/v1/pubsub/envelopes') return 'publish';
  if (route.startsWith('/v1/pubsub/')) return 'pubsub';
  if (route.startsWith('/v1/network/')) return 'network';
  if (STORAGE_ROUTE.test(route)) return 'storage';
  if (HEALTH_ROUTE.test(route)) return 'health';
  return INFO_ROUTES.has(route) ? 'info' : 'other';
}

const STORAGE_ROUTE = /^\/(v1\/(kv|records|storage|cache)|store|retrieve|ipfs)(\/|$)/;
const HEALTH_ROUTE = /^(\/v1)?\/(health|status|livez|readyz)$/;
const INFO_ROUTES: ReadonlySet<string> = new Set(['/', '/v1/info', '/v1/version', '/openapi.json']);
