import type { GatewayFeature } from '../core/feature.ts';

/** Topics over HTTP, SSE and WebSocket. */
export const relayFeature: GatewayFeature = {
  name: 'relay',
  offers: ['publish', 'websocket', 'sse', 'topics', 'idempotency', 'presence.local', 'debros.e1'],
  load: async () => (await import('./routes.ts')).pubsubRoutes,
};
