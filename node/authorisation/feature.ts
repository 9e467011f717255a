import { IDENTITY_LIMITS } from '../../protocols/identity/constants.ts';
import { NAMESPACES_LIMITS } from '../../protocols/namespaces/constants.ts';
import { WALLET_SETTINGS } from '../config/settings/wallets.ts';
import type { NodeFeature } from '../core/feature.ts';
import { WALLET_LIMITS } from '../identity/wallets/limits.ts';
import type { Authorisation } from './create.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly authorisation: Authorisation;
  }
}

/** Policies of namespaces, delegations and wallets: all that says who may do what. */
export const AUTHORISATION: NodeFeature = {
  name: 'authorisation',
  settings: WALLET_SETTINGS,
  limits: [...IDENTITY_LIMITS, ...WALLET_LIMITS, ...NAMESPACES_LIMITS],
  isEssential: true,
  load: () => import('./create.ts'),
};
