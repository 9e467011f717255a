import { NODES_LIMITS } from '../../protocols/nodes/limits.ts';
import { DIRECTORY_SETTINGS } from '../config/settings/directory.ts';
import type { NodeFeature } from '../core/feature.ts';
import type { Directory } from './directory.ts';
import { DIRECTORY_LIMITS } from './limits.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly directory: Directory;
  }
}

/** The nodes of the swarm, as each announces itself. */
export const DIRECTORY: NodeFeature = {
  name: 'directory',
  settings: DIRECTORY_SETTINGS,
  limits: [...NODES_LIMITS, ...DIRECTORY_LIMITS],
  needs: ['authorisation'],
  load: () => import('./create.ts'),
};
