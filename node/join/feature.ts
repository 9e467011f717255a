import { JOIN_LIMITS } from '../../protocols/join/constants.ts';
import type { NodeFeature } from '../core/feature.ts';
import { MEMBERS_LIMITS } from './limits.ts';
import type { Joining } from './service.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly members: Joining;
  }
}

/** The machines of the operator. Without it none joins here, and this one does not renew what an invite granted it. */
export const MEMBERS: NodeFeature = {
  name: 'members',
  settings: [],
  limits: [...JOIN_LIMITS, ...MEMBERS_LIMITS],
  needs: ['authorisation', 'directory'],
  load: () => import('./create.ts'),
};
