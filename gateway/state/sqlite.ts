import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Logger } from '../../node/index.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { unavailable } from './errors.ts';
import type { Database, Outcome, Row, Statement, Value } from './interface.ts';

const FILE = 'state.db';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Nobody else has the data directory; whoever looks into the file by hand is quick. */
const BUSY_TIMEOUT_MS = 1_000;
/** To which the log is cut after it was moved into the file. */
const LOG_KEPT_BYTES = 4 * 2 ** 20;
/** Statements kept prepared: all that the gateway has. */
const PREPARED_MAX = 128;

/** The state of one gateway, in a separate file, which the first use opens. */
export class SqliteDatabase implements Database {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #prepared = new Map<string, StatementSync>();
  #database: DatabaseSync | null = null;
  #isClosed = false;
  #fault: string | null = null;

  constructor({ logger }: { readonly logger: Logger }, init: { readonly directory: string }) {
    this.#logger = logger;
    this.#directory = init.directory;
  }

  get fault(): string | null {
    return this.#fault;
  }

  async query(sql: string, args: readonly Value[] = []): Promise<readonly Row[]> {
    return this.#use(() => this.#statement(sql).all(...args) as Row[]);
  }

  async execute(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    return this.#use((database) => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const outcomes = statements.map(({ sql, args = [] }) => {
          return { rowsAffected: Number(this.#statement(sql).run(...args).changes) };
        });
        database.exec('COMMIT');
        return outcomes;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#prepared.clear();
    this.#database?.close();
    this.#database = null;
  }

  #use<T>(act: (database: DatabaseSync) => T): T {
    if (this.#isClosed) throw unavailable();
    try {
      this.#database ??= open(this.#directory);
      const result = act(this.#database);
      this.#fault = null;
      return result;
    } catch (error) {
      this.#fault = errorMessage(error);
      this.#logger.error({ err: error }, 'the state of the gateway cannot be read or written');
      throw unavailable();
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      if (this.#prepared.size >= PREPARED_MAX) this.#prepared.clear();
      statement = (this.#database as DatabaseSync).prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

function open(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  chmodSync(directory, DIRECTORY_MODE);
  const path = join(directory, FILE);
  // SQLite gives what it keeps beside the file the file's mode
  closeSync(openSync(path, 'a', FILE_MODE));
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  // a write is on disk when its transaction has ended
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};`);
  return database;
}
