import type { GatewayFeature } from '../core/feature.ts';

/** Sign-in with wallets, sessions, API keys and apps. */
export const authFeature: GatewayFeature = {
  name: 'auth',
  offers: ['auth.wallet', 'auth.api-keys', 'auth.ws-ticket'],
  load: async () => (await import('./auth.ts')).authRoutes,
};
