import type { GatewayFeature } from '../core/feature.ts';

/** The swarm and its nodes as this node sees them. */
export const directoryFeature: GatewayFeature = {
  name: 'directory',
  offers: ['nodes'],
  load: async () => (await import('./network.ts')).directoryRoutes,
};
