import type { GatewayFeature } from '../core/feature.ts';

/** Public blobs by CID, as an IPFS gateway gives them. */
export const ipfsFeature: GatewayFeature = {
  name: 'ipfs',
  isOn: (node) => node.hasFeature('ipfs'),
  load: async () => (await import('./ipfs.ts')).ipfsRoutes,
};
