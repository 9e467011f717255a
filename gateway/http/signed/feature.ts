import type { GatewayFeature } from '../core/feature.ts';

/** Envelopes, records and notices that clients signed themselves. */
export const signedFeature: GatewayFeature = {
  name: 'signed',
  offers: ['signed'],
  load: async () => (await import('./signed-objects.ts')).signedObjectRoutes,
};
