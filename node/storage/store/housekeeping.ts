import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { numberOf } from '../../disk/database.ts';
import type { ChangeLog } from './changes.ts';
import {
  PAGE_BYTES,
  REPACK_ROWS,
  SPARSE_MIN_PAGES,
  SPARSE_RATIO,
  SPARSE_RATIO_UNASKED,
  VACUUM_PAGES,
} from './constants.ts';
import type { Ledger } from './ledger.ts';
import type { CareOperation, Operation } from './operations.ts';
import { type RecordRow, ROW_COLUMNS } from './rows.ts';

/** Operations on the whole file outside of a transaction. */
export type Outside = Exclude<CareOperation, { readonly type: 'repack' }>;

const OUTSIDE: ReadonlySet<string> = new Set<Outside['type']>(['refresh', 'vacuum', 'checkpoint', 'sparse']);

export function isCare(operation: Operation): operation is Outside {
  return 'type' in operation && OUTSIDE.has(operation.type);
}

/** The writer's part in the upkeep of its file. */
export class Housekeeping {
  readonly #database: DatabaseSync;
  readonly #ledger: Ledger;
  readonly #statements: Record<'first' | 'move' | 'last', StatementSync>;
  /** How many times the pages in use were what their rows take, after rows were moved: some lengths fill no page. */
  #settled = 1;
  /** The same at the start. */
  readonly #found: number;

  constructor({ database, ledger }: { readonly database: DatabaseSync; readonly ledger: Ledger }) {
    this.#database = database;
    this.#ledger = ledger;
    this.#statements = {
      first: database.prepare(
        `SELECT r.partition, ${ROW_COLUMNS} FROM records r WHERE r.id <= ? ORDER BY r.id LIMIT ${REPACK_ROWS}`,
      ),
      move: database.prepare(
        'UPDATE records SET id = (SELECT max(id) FROM records) + 1 WHERE id = ? RETURNING id',
      ),
      last: database.prepare('SELECT coalesce(max(id), 0) AS id FROM records'),
    };
    this.#found = this.#ratio();
  }

  run(operation: Outside): number {
    switch (operation.type) {
      case 'refresh':
        this.#database.exec('PRAGMA shrink_memory');
        return 0;
      case 'vacuum':
        return this.#vacuum(operation.kept);
      case 'checkpoint':
        this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        return 0;
      default:
        return this.#sparse(operation.isThorough);
    }
  }

  repack({ last }: { readonly last: number }, changes: ChangeLog | null): number {
    const rows = this.#statements.first.all(last) as unknown as (RecordRow & { partition: number })[];
    for (const { id, key, digest, partition: number } of rows) {
      const moved = Number(this.#statements.move.get(id)?.['id']);
      const partition = this.#ledger.byId(number);
      if (partition === null) continue;
      const { namespaceId } = partition.namespace;
      changes?.add({ namespaceId, partition: partition.number }, key, { gone: digest, come: digest }, moved);
    }
    if (rows.length < REPACK_ROWS) this.#settled = Math.max(1, this.#ratio());
    return rows.length;
  }

  #vacuum(kept: number): number {
    const free = this.#number('freelist_count') - kept;
    if (free <= 0) return 0;
    this.#database.exec(`PRAGMA incremental_vacuum(${Math.min(free, VACUUM_PAGES)})`);
    return Math.max(0, free + kept - this.#number('freelist_count'));
  }

  #sparse(isThorough: boolean): number {
    const usual = isThorough
      ? this.#settled * SPARSE_RATIO
      : Math.max(this.#settled, this.#found) * SPARSE_RATIO_UNASKED;
    if (this.#ratio() <= usual) return 0;
    return Number(this.#statements.last.get()?.['id']);
  }

  /** How many times the pages in use are what their rows take; 0 where that is little. */
  #ratio(): number {
    const used = this.#number('page_count') - this.#number('freelist_count');
    if (used < SPARSE_MIN_PAGES) return 0;
    return (used * PAGE_BYTES) / Math.max(1, this.#ledger.bytes);
  }

  #number(pragma: string): number {
    const value = numberOf(this.#database, pragma);
    return typeof value === 'number' ? value : 0;
  }
}
