import type { NodeFeature } from '../core/feature.ts';
import { BACKUP_LIMITS } from './limits.ts';
import type { Backups } from './service.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly backup: Backups;
  }
}

/** Copies of all that makes a node, made while it runs. */
export const BACKUP: NodeFeature = {
  name: 'backup',
  settings: [],
  limits: BACKUP_LIMITS,
  load: () => import('./create.ts'),
};
