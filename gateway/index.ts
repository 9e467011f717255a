/**
 * The gateway: HTTP, SSE and WebSocket for those who cannot join the swarm themselves. `createGateway` makes
 * one on a node; this file is its public face.
 */
import type { Config } from '../node/index.ts';
import type { Build } from './core/build.ts';
import { checkListenerIsSafe } from './http/core/listen.ts';
import type { Gateway, GatewayComponents } from './interface.ts';
import { GatewayServer } from './server.ts';

export type { Build } from './core/build.ts';
export type { Gateway, GatewayComponents } from './interface.ts';
export type { GatewayMetrics } from './observability/metrics.ts';

/** Makes a gateway; nothing listens before `start`. Throws `CodedError` `unsafe_listen`. */
export function createGateway(
  components: GatewayComponents,
  init: { config: Config; build: Build },
): Gateway {
  checkListenerIsSafe(init.config);
  return new GatewayServer(components, init);
}
