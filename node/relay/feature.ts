import { RELAY_LIMITS } from '../../protocols/relay/constants.ts';
import { RELAY_SETTINGS } from '../config/settings/relay.ts';
import type { NodeFeature } from '../core/feature.ts';
import type { RelayService } from './relay.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly relay: RelayService;
  }
}

/** Messages of clients, gossiped to every node. */
export const RELAY: NodeFeature = {
  name: 'relay',
  settings: RELAY_SETTINGS,
  limits: RELAY_LIMITS,
  needs: ['authorisation'],
  isEssential: true,
  load: () => import('./create.ts'),
};
