import type { GatewayFeature } from '../core/feature.ts';

/** Holders of namespaces, their policies and sponsors. */
export const namespacesFeature: GatewayFeature = {
  name: 'namespaces',
  offers: ['namespaces'],
  load: async () => (await import('./namespaces.ts')).namespaceRoutes,
};
