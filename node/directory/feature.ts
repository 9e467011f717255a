import { NODES_LIMITS } from '../../protocols/nodes/constants.ts';
import { DIRECTORY_SETTINGS } from '../config/settings/directory.ts';
import type { NodeFeature } from '../core/feature.ts';
import type { Directory } from './directory.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly directory: Directory;
  }
}

/** The nodes of the swarm, as each announces itself. */
export const DIRECTORY: NodeFeature = {
  name: 'directory',
  settings: DIRECTORY_SETTINGS,
  limits: NODES_LIMITS,
  needs: ['authorisation'],
  load: () => import('./create.ts'),
};
