import { CodedError } from '../../protocols/common/errors.ts';
import type { Database, Outcome, Row, State, Statement, Value } from './interface.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

const VERSIONS = `CREATE TABLE IF NOT EXISTS migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, claim TEXT NOT NULL)`;
/** Other gateways may begin at the same time: whoever loses looks again. */
const ATTEMPTS = 5;

/** A database whose tables are brought up to date before its first use. */
export class MigratedState implements State {
  readonly #database: Database;
  readonly #migrations: readonly Migration[];
  #refused: string | null = null;
  #ready: Promise<void> | null = null;

  constructor(
    { database }: { readonly database: Database },
    init: { migrations?: readonly Migration[] } = {},
  ) {
    this.#database = database;
    this.#migrations = init.migrations ?? MIGRATIONS;
  }

  get fault(): string | null {
    return this.#refused ?? this.#database.fault;
  }

  prepare(): Promise<void> {
    this.#ready ??= this.#migrate().catch((error: unknown) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  async query(sql: string, args?: readonly Value[]): Promise<readonly Row[]> {
    await this.prepare();
    return this.#database.query(sql, args);
  }

  async execute(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    await this.prepare();
    return this.#database.execute(statements);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #migrate(): Promise<void> {
    await this.#database.execute([{ sql: VERSIONS }]);
    for (let attempt = 1; ; attempt += 1) {
      const version = await this.#version();
      const pending = this.#migrations.filter((migration) => migration.version > version);
      try {
        for (const migration of pending) await this.#apply(migration);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #version(): Promise<number> {
    const [row] = await this.#database.query('SELECT max(version) AS version FROM migrations');
    const version = Number(row?.['version'] ?? 0);
    const known = this.#migrations.at(-1)?.version ?? 0;
    this.#refused =
      version <= known ? null : `its tables have version ${version}, this Maillon knows ${known}`;
    if (this.#refused === null) return version;
    throw new CodedError(
      'state_version',
      `the state of the gateway (gateway.state) cannot be used: ${this.#refused}. Use the version that made it, or a newer one`,
    );
  }

  /** The row of its version makes it happen once: of two at the same time the second is rolled back as a whole. */
  async #apply({ version, name, statements }: Migration): Promise<void> {
    const claim = crypto.randomUUID();
    const mark = 'INSERT INTO migrations (version, name, claim) VALUES (?, ?, ?)';
    try {
      await this.#database.execute([{ sql: mark, args: [version, name, claim] }, ...statements]);
    } catch (error) {
      // it may have been sent twice, since no answer came to the first
      const [row] = await this.#database.query('SELECT claim FROM migrations WHERE version = ?', [version]);
      if (row?.['claim'] !== claim) throw error;
    }
  }
}
