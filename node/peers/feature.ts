import type { NodeFeature } from '../core/feature.ts';
import type { Peers } from './peers.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly peers: Peers;
  }
}

/** Finds and keeps this node's peers. It starts last, when the other services are ready for the peers. */
export const PEERS: NodeFeature = {
  name: 'peers',
  settings: [],
  limits: [],
  isEssential: true,
  load: () => import('./create.ts'),
};
