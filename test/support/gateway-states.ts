/** Both kinds of state that a gateway may have. */
import { join } from 'node:path';
import type { Config } from '../../node/index.ts';
import { type Cleanup, scratch } from './processes.ts';
import { startRqlite, stateUrl } from './rqlite.ts';

/** Settings by kind; what they need ends with `t`. */
export const GATEWAY_STATES: Readonly<Record<string, (t: Cleanup) => Promise<Partial<Config>>>> = {
  SQLite: async () => ({}),
  rqlite: async (t) => ({
    'gateway.state': stateUrl(await startRqlite(t)),
    'gateway.secretFile': join(scratch(t), 'secret'),
  }),
};
