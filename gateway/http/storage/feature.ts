import type { GatewayFeature } from '../core/feature.ts';

/** Values, blobs and uploads, also as the clients of older systems ask for them. */
export const storageFeature: GatewayFeature = {
  name: 'storage',
  offers: [
    'kv',
    'kv.conditional',
    'kv.ttl',
    'kv.list',
    'kv.large',
    'kv.range',
    'blobs',
    'uploads',
    'cache',
    '4nk.storage',
    'debros.e2',
  ],
  load: async () => (await import('./routes.ts')).storageRoutes,
};
