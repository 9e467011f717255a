import type { Context } from '../core/context.ts';

/** What the routes of sign-in share. */
export type AuthContext = Pick<Context, 'auth' | 'node' | 'config'>;
