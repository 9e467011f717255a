import type { Meter } from '../../node/index.ts';
import type { Answered, GatewayMetrics } from '../observability/metrics.ts';

/** A health answer takes a millisecond, a publish one linger of some 10 to 60; beyond a second something waits. */
const DURATION_BUCKETS_SECONDS = [0.002, 0.01, 0.05, 0.25, 1, 5];

/** Methods counted by name: a client may invent others. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Registers what a gateway counts. */
export function registerGatewayMetrics(meter: Meter, metrics: Readonly<GatewayMetrics>): void {
  meter.gauges('maillon_gateway_clients', 'Streaming clients, by kind.', 'kind', () => [
    ['websocket', metrics.websocketClients],
    ['sse', metrics.sseClients],
  ]);
  const gauge = (what: string, help: string, read: () => number): void =>
    meter.gauge(`maillon_gateway_${what}`, help, read);
  gauge('paused_clients', 'Clients that read too slowly now and are not listened to for it.', () => {
    return metrics.pausedClients;
  });
  gauge('subscriptions', 'Topics subscribed to, summed over all clients.', () => metrics.subscriptions);
  gauge('queue_bytes', 'Bytes that wait for clients.', () => metrics.queueBytes);

  const counter = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_gateway_${what}_total`, help, read);
  counter('cut_clients', 'Clients cut because they read too slowly.', () => metrics.cutClients);
  counter('sent_frames', 'Frames and events handed to sockets, for each client.', () => metrics.framesSent);
  counter('sent_bytes', 'Bytes of those frames and events.', () => metrics.bytesSent);
  counter('publishes', 'Publishes that clients asked for.', () => metrics.messagesIn);
  counter('publish_failures', 'Publishes that were refused or failed.', () => metrics.publishFailures);
  const counters = (what: string, help: string, read: () => Iterable<readonly [string, number]>): void =>
    meter.counters(`maillon_gateway_${what}_total`, help, 'kind', read);
  counters(
    'rate_limited',
    'Requests refused, and frames left waiting, because somebody was over a limit, by which.',
    () => {
      return metrics.rateLimited;
    },
  );
  counters('auth_failures', 'Requests that authentication refused, by why.', () => metrics.authFailures);
}

/** Registers how HTTP requests were answered. Returns the function that takes each. */
export function registerHttpMetrics(meter: Meter): (answered: Answered) => void {
  const count = meter.eventCounter('maillon_gateway_http_requests_total', 'HTTP requests answered.', [
    'route',
    'method',
    'status',
  ]);
  const time = meter.histogram(
    'maillon_gateway_http_request_duration_seconds',
    'From the request to the end of its answer.',
    { labels: ['route'], buckets: DURATION_BUCKETS_SECONDS },
  );
  return ({ method, route, status, ms }) => {
    const kind = METHODS.has(method) ? method : 'other';
    count({ route, method: kind, status: `${Math.trunc(status / 100)}xx` });
    time({ route }, ms / 1000);
  };
}
