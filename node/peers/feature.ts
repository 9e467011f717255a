import type { NodeFeature } from '../core/feature.ts';
import type { Peers } from './peers.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly peers: Peers;
  }
}

/** Finds the peers that this node is connected with, and keeps them. It starts last: others are ready for whom it finds. */
export const PEERS: NodeFeature = {
  name: 'peers',
  settings: [],
  limits: [],
  isEssential: true,
  load: () => import('./create.ts'),
};
