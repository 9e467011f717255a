import type { Context } from '../core/context.ts';

/** Context shared by sign-in routes. */
export type AuthContext = Pick<Context, 'auth' | 'node' | 'config'>;
