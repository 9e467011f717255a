import { IPFS_SETTINGS } from '../config/settings/ipfs.ts';
import type { NodeFeature } from '../core/feature.ts';
import { IPFS_LIMITS } from './limits.ts';
import type { IpfsService } from './service.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly ipfs: IpfsService;
  }
}

/** Blobs that anyone may read, for peers by bitswap and for the gateway. */
export const IPFS: NodeFeature<typeof IPFS_SETTINGS> = {
  name: 'ipfs',
  settings: IPFS_SETTINGS,
  limits: IPFS_LIMITS,
  enabledBy: 'ipfs.enabled',
  needs: ['authorisation', 'storage'],
  load: () => import('./create.ts'),
};
