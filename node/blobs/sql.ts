import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { numberOf } from '../disk/database.ts';
import { diskError } from './errors.ts';

export type Row = Record<string, unknown>;

/** Statements over one database, prepared once. Synchronous: each is a transaction, or part of one. */
export class Sql {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** All of `work` or nothing. Throws `no_room`. */
  transaction<T>(work: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    } catch (error) {
      throw diskError(error);
    }
  }

  /** As `transaction`; it and all before it are on disk afterwards. */
  durably<T>(work: () => T): T {
    this.#database.exec('PRAGMA synchronous = FULL');
    try {
      return this.transaction(work);
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number | bigint } {
    return this.#statement(sql).run(...values);
  }

  /** Gives some free pages back to the file system. How many. */
  vacuum(pages: number): number {
    const free = this.#pragma('freelist_count');
    if (free === 0) return 0;
    this.#database.exec(`PRAGMA incremental_vacuum(${pages})`);
    return free - this.#pragma('freelist_count');
  }

  /** Moves the log into the file and cuts it to nothing. */
  checkpoint(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #pragma(name: string): number {
    const value = numberOf(this.#database, name);
    return typeof value === 'number' ? value : 0;
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
