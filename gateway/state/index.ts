/** The gateway's state: SQLite in its own directory unless `gateway.state` names an rqlite cluster that gateways share. */
import { join } from 'node:path';
import type { Config, Logger } from '../../node/index.ts';
import type { Database, State } from './interface.ts';
import { MigratedState } from './migrated.ts';
import { parseRqliteUrl, RqliteDatabase, readCredentials } from './rqlite.ts';
import { SqliteDatabase } from './sqlite.ts';

export type { Row, State, Statement, Value } from './interface.ts';

type StateConfig = Pick<Config, 'data' | 'gateway.state' | 'gateway.stateCredentialsFile'>;

/** Where a gateway keeps what is its own, in the data directory. */
export function gatewayDirectory(config: Pick<Config, 'data'>): string {
  return join(config.data, 'gateway');
}

/** Whether other gateways may have the same state. */
export function isShared(config: Pick<Config, 'gateway.state'>): boolean {
  return config['gateway.state'] !== '';
}

/** Nothing is opened or asked before first use. Throws `bad_state_url`, `bad_credentials_file`. */
export function openState({ logger }: { readonly logger: Logger }, config: StateConfig): State {
  return new MigratedState({ database: openDatabase(logger, config) });
}

function openDatabase(logger: Logger, config: StateConfig): Database {
  const url = config['gateway.state'];
  if (url === '') return new SqliteDatabase({ logger }, { directory: gatewayDirectory(config) });
  const file = config['gateway.stateCredentialsFile'];
  const credentials = file === '' ? null : readCredentials(file);
  return new RqliteDatabase({ logger }, { ...parseRqliteUrl(url), credentials });
}
