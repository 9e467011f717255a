import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { diskError, uploadGone } from './errors.ts';
import type { BlobInfo, Reference } from './interface.ts';
import { BLOCK_OVERHEAD_BYTES } from './limits.ts';
import { decodeStamp, KIND_RECORD, referenceKey } from './reference-key.ts';

export interface BlobRow extends BlobInfo {
  readonly id: number;
}

export interface BlockRow {
  readonly id: number;
  readonly cid: Uint8Array;
  /** Of the capacity. */
  readonly bytes: number;
  readonly isBroken: boolean;
}

export interface UploadRow {
  readonly id: string;
  readonly blob: number;
  readonly state: Uint8Array;
  readonly size: number;
}

/** A block that was written. */
export interface WrittenBlock {
  readonly cid: Uint8Array;
  readonly bytes: number;
}

type Row = Record<string, unknown>;

/** What the node's blobs are made of, and who needs them. Synchronous: each call is a transaction, or part of one. */
export class Catalogue {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements = new Map<string, StatementSync>();

  constructor(components: { readonly database: DatabaseSync; readonly clock: Clock }) {
    this.#database = components.database;
    this.#clock = components.clock;
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

  blob(cid: Uint8Array): BlobRow | null {
    const row = this.#get('SELECT id, cid, size, complete, blocks, uses FROM blobs WHERE cid = ?', cid);
    if (row === undefined) return null;
    return {
      id: Number(row['id']),
      cid,
      size: Number(row['size']),
      blocks: Number(row['blocks']),
      isComplete: row['complete'] === 1,
      uses: Number(row['uses']),
    };
  }

  /** The row of a blob, made where there is none; it is fresh then. */
  openBlob({ cid, size }: BlobLink): BlobRow {
    this.#run(
      'INSERT INTO blobs (cid, size, complete, touched) VALUES (?, ?, 0, ?) ON CONFLICT (cid) DO UPDATE SET touched = excluded.touched',
      cid,
      size,
      this.#clock.now(),
    );
    const row = this.blob(cid);
    if (row === null) throw new Error('a row that was just written');
    return row;
  }

  /** Throws where it was collected meanwhile. */
  touch(blob: number): void {
    const { changes } = this.#run('UPDATE blobs SET touched = ? WHERE id = ?', this.#clock.now(), blob);
    if (Number(changes) === 0) throw collectedError();
  }

  /** All of it is here. Throws where a part was found broken, or it was collected, meanwhile. */
  complete(blob: number): void {
    const { changes } = this.#run(
      `UPDATE blobs SET complete = 1, touched = ?1 WHERE id = ?2 AND cid IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM blocks JOIN blob_blocks ON block = blocks.id AND blob = ?2 WHERE broken = 1)`,
      this.#clock.now(),
      blob,
    );
    if (Number(changes) === 0) throw collectedError();
  }

  block(cid: Uint8Array): BlockRow | null {
    const row = this.#get('SELECT id, cid, bytes, broken FROM blocks WHERE cid = ?', cid);
    return row === undefined ? null : blockRow(row);
  }

  /** Notes blocks that are on disk now as parts of a blob. */
  addBlocks(blob: number, blocks: readonly WrittenBlock[]): void {
    for (const { cid, bytes } of blocks) {
      const row = this.#get(
        `INSERT INTO blocks (cid, bytes, written) VALUES (?, ?, ?)
          ON CONFLICT (cid) DO UPDATE SET written = excluded.written, broken = 0 RETURNING id`,
        cid,
        bytes + BLOCK_OVERHEAD_BYTES,
        this.#clock.now(),
      );
      this.linkBlock(blob, Number(row?.['id']));
    }
  }

  linkBlock(blob: number, block: number): void {
    this.#run('INSERT OR IGNORE INTO blob_blocks (blob, block) VALUES (?, ?)', blob, block);
  }

  /** What is there of it is no good: every blob that has it lacks it. */
  markBroken(cid: Uint8Array): void {
    this.#run(
      `UPDATE blobs SET complete = 0 WHERE id IN
        (SELECT blob FROM blob_blocks WHERE block = (SELECT id FROM blocks WHERE cid = ?))`,
      cid,
    );
    this.#run('UPDATE blocks SET broken = 1 WHERE cid = ?', cid);
  }

  blocksAfter(id: number, limit: number): BlockRow[] {
    return this.#all(
      'SELECT id, cid, bytes, broken FROM blocks WHERE id > ? ORDER BY id LIMIT ?',
      id,
      limit,
    ).map(blockRow);
  }

  namespace(namespaceId: Uint8Array): number {
    const row = this.#get(
      `INSERT INTO namespaces (namespace_id) VALUES (?)
        ON CONFLICT (namespace_id) DO UPDATE SET bytes = bytes RETURNING id`,
      namespaceId,
    );
    return Number(row?.['id']);
  }

  /** What a namespace refers to, a blob counted once, and what it is uploading. */
  namespaceBytes(namespaceId: Uint8Array): number {
    const row = this.#get(
      `SELECT bytes + (SELECT coalesce(sum(size), 0) FROM uploads WHERE namespace = namespaces.id) AS bytes
        FROM namespaces WHERE namespace_id = ?`,
      namespaceId,
    );
    return Number(row?.['bytes'] ?? 0);
  }

  isReferring(namespaceId: Uint8Array, blob: number): boolean {
    return (
      this.#get(
        'SELECT 1 FROM refs WHERE namespace = (SELECT id FROM namespaces WHERE namespace_id = ?) AND blob = ? LIMIT 1',
        namespaceId,
        blob,
      ) !== undefined
    );
  }

  /** False where it was there. */
  addReference(reference: Reference, { id, size }: BlobRow): boolean {
    const namespace = this.namespace(reference.namespaceId);
    const isShare = !this.isReferring(reference.namespaceId, id);
    const { changes } = this.#run(
      'INSERT OR IGNORE INTO refs (kind, namespace, key, stamp, blob, since) VALUES (?, ?, ?, ?, ?, ?)',
      ...referenceKey(namespace, reference),
      id,
      this.#clock.now(),
    );
    if (Number(changes) === 0) return false;
    if (isShare) this.#run('UPDATE namespaces SET bytes = bytes + ? WHERE id = ?', size, namespace);
    return true;
  }

  removeReference(reference: Reference): boolean {
    const namespace = this.namespace(reference.namespaceId);
    const row = this.#get(
      'DELETE FROM refs WHERE kind = ? AND namespace = ? AND key = ? AND stamp = ? RETURNING blob',
      ...referenceKey(namespace, reference),
    );
    if (row === undefined) return false;
    const blob = Number(row['blob']);
    // from now on it has the grace of what is fresh
    this.touch(blob);
    if (!this.isReferring(reference.namespaceId, blob)) {
      this.#run(
        'UPDATE namespaces SET bytes = bytes - (SELECT size FROM blobs WHERE id = ?) WHERE id = ?',
        blob,
        namespace,
      );
    }
    return true;
  }

  recordReferences(
    after: number,
    before: number,
    limit: number,
  ): { readonly position: number; readonly reference: Reference & { readonly kind: 'record' } }[] {
    return this.#all(
      `SELECT refs.id, namespace_id, key, stamp FROM refs JOIN namespaces ON namespaces.id = namespace
        WHERE refs.id > ? AND kind = ? AND since < ? ORDER BY refs.id LIMIT ?`,
      after,
      KIND_RECORD,
      before,
      limit,
    ).map((row) => {
      const namespaceId = row['namespace_id'] as Uint8Array;
      const stamp = decodeStamp(row['stamp'] as Uint8Array);
      const key = String(row['key']);
      return { position: Number(row['id']), reference: { kind: 'record', namespaceId, key, stamp } };
    });
  }

  beginUpload(id: string, namespaceId: Uint8Array, state: Uint8Array): void {
    const now = this.#clock.now();
    const row = this.#get('INSERT INTO blobs (size, complete, touched) VALUES (0, 0, ?) RETURNING id', now);
    this.#run(
      'INSERT INTO uploads (id, blob, namespace, state, size, touched) VALUES (?, ?, ?, ?, 0, ?)',
      id,
      Number(row?.['id']),
      this.namespace(namespaceId),
      state,
      now,
    );
  }

  upload(id: string, namespaceId: Uint8Array): UploadRow | null {
    const row = this.#get(
      `SELECT blob, state, size FROM uploads
        WHERE id = ? AND namespace = (SELECT id FROM namespaces WHERE namespace_id = ?)`,
      id,
      namespaceId,
    );
    if (row === undefined) return null;
    return { id, blob: Number(row['blob']), state: row['state'] as Uint8Array, size: Number(row['size']) };
  }

  /** Throws where it is not as `row` says any more: it was given up, or somebody else went on with it. */
  saveUpload(row: Pick<UploadRow, 'id' | 'size'>, state: Uint8Array, size: number): void {
    const { changes } = this.#run(
      'UPDATE uploads SET state = ?, size = ?, touched = ? WHERE id = ? AND size = ?',
      state,
      size,
      this.#clock.now(),
      row.id,
      row.size,
    );
    if (Number(changes) === 0) throw uploadGone();
  }

  /** What was uploaded is the blob of this link now; where there was one, it has all blocks now. */
  finishUpload({ id, blob, size }: UploadRow, link: BlobLink): void {
    if (Number(this.#run('DELETE FROM uploads WHERE id = ? AND size = ?', id, size).changes) === 0) {
      throw uploadGone();
    }
    const there = this.blob(link.cid);
    const { id: target } = there ?? { id: blob };
    if (there === null)
      this.#run('UPDATE blobs SET cid = ?, size = ? WHERE id = ?', link.cid, link.size, blob);
    else if (!there.isComplete) {
      this.#run(
        'INSERT OR IGNORE INTO blob_blocks (blob, block) SELECT ?, block FROM blob_blocks WHERE blob = ?',
        there.id,
        blob,
      );
    }
    this.complete(target);
  }

  endUpload(id: string): void {
    this.#run('DELETE FROM uploads WHERE id = ?', id);
  }

  uploadCounts(namespaceId: Uint8Array): { readonly all: number; readonly ofNamespace: number } {
    const row = this.#get(
      `SELECT count(*) AS total, coalesce(sum(namespace = (SELECT id FROM namespaces WHERE namespace_id = ?)), 0) AS own
        FROM uploads`,
      namespaceId,
    );
    return { all: Number(row?.['total']), ofNamespace: Number(row?.['own']) };
  }

  /** Ends the uploads that nobody went on with since `before`. How many. */
  endUploads(before: number): number {
    return Number(this.#run('DELETE FROM uploads WHERE touched < ?', before).changes);
  }

  /** A blob that nobody needs, and that was not touched since `before`. From now on its CID is not here. */
  takeUnused(before: number): number | null {
    const row = this.#get(
      `UPDATE blobs SET complete = 0, cid = NULL WHERE id =
        (SELECT id FROM blobs WHERE uses = 0 AND touched < ? LIMIT 1) RETURNING id`,
      before,
    );
    return row === undefined ? null : Number(row['id']);
  }

  /** Removes some of an unused blob's blocks from it; itself once it has none. Whether that is done. */
  dismantle(blob: number, limit: number): boolean {
    const { changes } = this.#run(
      'DELETE FROM blob_blocks WHERE blob = ?1 AND block IN (SELECT block FROM blob_blocks WHERE blob = ?1 LIMIT ?2)',
      blob,
      limit,
    );
    if (Number(changes) === limit) return false;
    this.#run('DELETE FROM blobs WHERE id = ?', blob);
    return true;
  }

  unusedBlocks(before: number, limit: number): BlockRow[] {
    return this.#all(
      'SELECT id, cid, bytes, broken FROM blocks WHERE uses = 0 AND written < ? LIMIT ?',
      before,
      limit,
    ).map(blockRow);
  }

  removeBlock(id: number): void {
    this.#run('DELETE FROM blocks WHERE id = ?', id);
  }

  totals(): { readonly blocks: number; readonly bytes: number; readonly blobs: number } {
    const row = this.#get(
      'SELECT blocks, bytes, (SELECT count(*) FROM blobs WHERE cid IS NOT NULL) AS blobs FROM totals',
    );
    return { blocks: Number(row?.['blocks']), bytes: Number(row?.['bytes']), blobs: Number(row?.['blobs']) };
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  #run(sql: string, ...values: SQLInputValue[]): { readonly changes: number | bigint } {
    return this.#statement(sql).run(...values);
  }
}

function collectedError(): CodedError {
  return new CodedError('unavailable', 'a part of the blob was lost while it came: try again');
}

function blockRow(row: Row): BlockRow {
  const isBroken = row['broken'] === 1;
  return { id: Number(row['id']), cid: row['cid'] as Uint8Array, bytes: Number(row['bytes']), isBroken };
}
