import type { Statement } from './interface.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly Statement[];
}

const sql = (text: string): Statement => ({ sql: text });

/**
 * In order, each in a transaction of its own, none ever changed once it was published. Times are milliseconds since the Unix epoch; `claim` is
 * the mark of the request that took a row.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'sign-in',
    statements: [
      sql(`CREATE TABLE signing_keys (
        kid TEXT PRIMARY KEY, public_key TEXT NOT NULL, sealed_key TEXT NOT NULL, created_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL)`),
      sql('CREATE TABLE used_nonces (nonce TEXT PRIMARY KEY, claim TEXT NOT NULL, ends_at INTEGER NOT NULL)'),
      sql('CREATE INDEX used_nonces_ends ON used_nonces (ends_at)'),
      sql(`CREATE TABLE sessions (
        id TEXT PRIMARY KEY, did TEXT NOT NULL, subject TEXT NOT NULL, namespace TEXT NOT NULL,
        created_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, revoked_at INTEGER)`),
      sql('CREATE INDEX sessions_did ON sessions (did)'),
      sql('CREATE INDEX sessions_ends ON sessions (ends_at)'),
      sql(`CREATE TABLE refresh_tokens (
        hash TEXT PRIMARY KEY, session TEXT NOT NULL, claim TEXT, ends_at INTEGER NOT NULL)`),
      sql('CREATE INDEX refresh_tokens_ends ON refresh_tokens (ends_at)'),
    ],
  },
  {
    version: 2,
    name: 'api-keys',
    statements: [
      sql(`CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, did TEXT NOT NULL, subject TEXT NOT NULL,
        namespace TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL, revoked_at INTEGER)`),
      sql('CREATE INDEX api_keys_did ON api_keys (did, namespace, name, generation)'),
      sql(`CREATE TABLE apps (
        id TEXT PRIMARY KEY, did TEXT NOT NULL, subject TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        public_key TEXT NOT NULL, created_at INTEGER NOT NULL)`),
      sql('CREATE INDEX apps_did ON apps (did, namespace)'),
    ],
  },
  {
    version: 3,
    name: 'delegations',
    statements: [
      sql("ALTER TABLE sessions ADD COLUMN custody TEXT NOT NULL DEFAULT 'gateway'"),
      sql('ALTER TABLE sessions ADD COLUMN delegation TEXT'),
    ],
  },
  {
    version: 4,
    name: 'what-has-ended',
    statements: [
      // of a wallet only the sessions that stand are looked at, of those that ended only what is to be deleted
      sql('CREATE INDEX sessions_standing ON sessions (did, created_at) WHERE revoked_at IS NULL'),
      sql('DROP INDEX sessions_did'),
      sql('CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL'),
      sql('CREATE INDEX refresh_tokens_session ON refresh_tokens (session)'),
      sql(`CREATE INDEX api_keys_revoked ON api_keys (revoked_at)
        WHERE revoked_at IS NOT NULL AND name <> ''`),
    ],
  },
  {
    version: 5,
    name: 'wallet-promises',
    statements: [
      sql(
        'CREATE TABLE wallet_promises (did TEXT PRIMARY KEY, promised_at INTEGER NOT NULL, ended_at INTEGER)',
      ),
    ],
  },
  {
    version: 6,
    name: 'restored',
    statements: [
      // nonces that end by then are spent, as far as anybody knows: one row, or none where nothing was restored
      sql('CREATE TABLE nonce_floor (id INTEGER PRIMARY KEY CHECK (id = 1), ends_at INTEGER NOT NULL)'),
    ],
  },
];
