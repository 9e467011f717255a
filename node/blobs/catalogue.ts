import type { DatabaseSync } from 'node:sqlite';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { partLost, uploadGone } from './errors.ts';
import type { BlobInfo } from './interface.ts';
import { BLOCK_OVERHEAD_BYTES } from './limits.ts';
import { ReferenceSearch } from './reference-search.ts';
import { RELEASED, References } from './references.ts';
import { type Row, Sql } from './sql.ts';

export interface BlobRow extends BlobInfo {
  readonly id: number;
}

export interface BlockRow {
  readonly id: number;
  readonly cid: Uint8Array;
  /** Capacity it takes. */
  readonly bytes: number;
  readonly isBroken: boolean;
}

export interface UploadRow {
  readonly id: string;
  readonly blob: number;
  readonly state: Uint8Array;
  readonly size: number;
  /** Set once the upload is complete, which then has no state. */
  readonly link: BlobLink | null;
}

export interface UnusedQuery {
  readonly before: number;
  readonly partBefore: number;
  /** Also what records referred to until shortly: somebody may be reading it. */
  readonly takesReleased: boolean;
  /** Whether a blob is on its way to its replicas. */
  readonly isKept: (cid: Uint8Array) => boolean;
}

/** Unused blobs looked at for one that may go: more than are on their way to their replicas at a time. */
const TAKEN_AT_ONCE = 1024;

/** A block that was written. */
export interface WrittenBlock {
  readonly cid: Uint8Array;
  readonly bytes: number;
}

/** Index of the blobs and blocks on this node. */
export class Catalogue {
  /** Uses of the blobs. */
  readonly references: References;
  readonly search: ReferenceSearch;
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor({ database, clock }: { readonly database: DatabaseSync; readonly clock: Clock }) {
    this.#sql = new Sql(database);
    this.#clock = clock;
    this.references = new References({ sql: this.#sql, clock });
    this.search = new ReferenceSearch({ sql: this.#sql });
  }

  /** All of `work` or nothing. Throws `no_room`. */
  transaction<T>(work: () => T): T {
    return this.#sql.transaction(work);
  }

  /** As `transaction`; it and all before it are on disk afterwards. */
  durably<T>(work: () => T): T {
    return this.#sql.durably(work);
  }

  blob(cid: Uint8Array): BlobRow | null {
    const row = this.#sql.get('SELECT id, cid, size, complete, blocks, uses FROM blobs WHERE cid = ?', cid);
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

  /**
   * The row of a blob, created as a fresh one when missing. The size is what was claimed last, until something refers
   * to the blob; who claims it may lie.
   */
  openBlob({ cid, size }: BlobLink, namespaceId: Uint8Array): BlobRow {
    this.#sql.run(
      `INSERT INTO blobs (cid, size, complete, touched, claim) VALUES (?1, ?2, 0, ?3, ?4) ON CONFLICT (cid) DO UPDATE
        SET touched = excluded.touched, claim = excluded.claim, size = iif(complete = 1 OR uses > 0, size, excluded.size)`,
      cid,
      size,
      this.#clock.now(),
      this.references.namespace(namespaceId),
    );
    const row = this.blob(cid);
    if (row === null) throw new Error('a row that was just written');
    return row;
  }

  /** Throws where it was collected meanwhile. */
  touch(blob: number): void {
    const { changes } = this.#sql.run('UPDATE blobs SET touched = ? WHERE id = ?', this.#clock.now(), blob);
    if (Number(changes) === 0) throw partLost();
  }

  /** All of it is here, and has this size. Throws where a part was found broken, or it was collected, meanwhile. */
  complete(blob: number, { cid, size }: BlobLink): void {
    const there = this.blob(cid);
    if (there !== null && there.size !== size) this.references.resize(there, size);
    const { changes } = this.#sql.run(
      `UPDATE blobs SET complete = 1, size = ?4, touched = ?1 WHERE id = ?2 AND cid = ?3 AND NOT EXISTS
        (SELECT 1 FROM blocks JOIN blob_blocks ON block = blocks.id AND blob = ?2 WHERE broken = 1)`,
      this.#clock.now(),
      blob,
      cid,
      size,
    );
    if (Number(changes) === 0) throw partLost();
  }

  /**
   * The grace of a blob that nothing refers to is over, and it counts for nobody. One that is not whole may be being fetched: only
   * `isRefused` says that it is not.
   */
  dismiss(cid: Uint8Array, { isRefused = false } = {}): void {
    this.#sql.run(
      'UPDATE blobs SET touched = 0, claim = 0 WHERE cid = ? AND uses = 0 AND (complete = 1 OR ?)',
      cid,
      isRefused ? 1 : 0,
    );
  }

  block(cid: Uint8Array): BlockRow | null {
    const row = this.#sql.get('SELECT id, cid, bytes, broken FROM blocks WHERE cid = ?', cid);
    return row === undefined ? null : blockRow(row);
  }

  /** Notes blocks that are on disk now as parts of a blob. */
  addBlocks(blob: number, blocks: readonly WrittenBlock[]): void {
    for (const { cid, bytes } of blocks) {
      const row = this.#sql.get(
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
    this.#sql.run('INSERT OR IGNORE INTO blob_blocks (blob, block) VALUES (?, ?)', blob, block);
  }

  /** Marks a block as unusable: every blob that has it now lacks it. */
  markBroken(cid: Uint8Array): void {
    this.#sql.run(
      `UPDATE blobs SET complete = 0 WHERE id IN
        (SELECT blob FROM blob_blocks WHERE block = (SELECT id FROM blocks WHERE cid = ?))`,
      cid,
    );
    this.#sql.run('UPDATE blocks SET broken = 1 WHERE cid = ?', cid);
  }

  /** Blocks that are no good, of what is needed. */
  brokenCount(): number {
    const row = this.#sql.get('SELECT count(*) AS broken FROM blocks WHERE broken = 1 AND uses > 0');
    return Number(row?.['broken']);
  }

  /** Gives some free pages back to the file system. How many. */
  vacuum(pages: number): number {
    return this.transaction(() => this.#sql.vacuum(pages));
  }

  /** Moves the log into the file and cuts it to nothing. */
  checkpoint(): void {
    this.#sql.checkpoint();
  }

  blocksAfter(id: number, limit: number): BlockRow[] {
    return this.#sql
      .all('SELECT id, cid, bytes, broken FROM blocks WHERE id > ? ORDER BY id LIMIT ?', id, limit)
      .map(blockRow);
  }

  beginUpload(id: string, namespaceId: Uint8Array, state: Uint8Array): void {
    const now = this.#clock.now();
    const namespace = this.references.namespace(namespaceId);
    const row = this.#sql.get(
      'INSERT INTO blobs (size, complete, touched, claim) VALUES (0, 0, ?, ?) RETURNING id',
      now,
      namespace,
    );
    this.#sql.run(
      'INSERT INTO uploads (id, blob, namespace, state, size, touched) VALUES (?, ?, ?, ?, 0, ?)',
      id,
      Number(row?.['id']),
      namespace,
      state,
      now,
    );
  }

  upload(id: string, namespaceId: Uint8Array): UploadRow | null {
    const row = this.#sql.get(
      `SELECT blob, state, uploads.size, blobs.cid, blobs.size AS total FROM uploads JOIN blobs ON blobs.id = blob
        WHERE uploads.id = ? AND namespace = (SELECT id FROM namespaces WHERE namespace_id = ?)`,
      id,
      namespaceId,
    );
    if (row === undefined) return null;
    const cid = row['cid'] as Uint8Array | null;
    return {
      id,
      blob: Number(row['blob']),
      state: row['state'] as Uint8Array,
      size: Number(row['size']),
      link: cid === null ? null : { cid, size: Number(row['total']) },
    };
  }

  /** Throws where it is not as `row` says any more: it was given up, or somebody else went on with it. */
  saveUpload(row: Pick<UploadRow, 'id' | 'size'>, state: Uint8Array, size: number): void {
    const { changes } = this.#sql.run(
      'UPDATE uploads SET state = ?, size = ?, touched = ? WHERE id = ? AND size = ?',
      state,
      size,
      this.#clock.now(),
      row.id,
      row.size,
    );
    if (Number(changes) === 0) throw uploadGone();
  }

  /**
   * The uploaded blob now has this link; an existing blob with the link now has all its blocks. `isKept`: the upload goes on to
   * need that, and counts as much.
   */
  finishUpload(
    { id, blob, size }: UploadRow,
    link: BlobLink,
    { isKept }: { readonly isKept: boolean } = { isKept: false },
  ): void {
    const row = this.#sql.get('DELETE FROM uploads WHERE id = ? AND size = ? RETURNING namespace', id, size);
    if (row === undefined) throw uploadGone();
    const there = this.blob(link.cid);
    const { id: target } = there ?? { id: blob };
    if (there === null)
      this.#sql.run('UPDATE blobs SET cid = ?, size = ? WHERE id = ?', link.cid, link.size, blob);
    else if (there.uses === 0)
      this.#sql.run(
        'UPDATE blobs SET claim = (SELECT claim FROM blobs WHERE id = ?) WHERE id = ?',
        blob,
        there.id,
      );
    if (there?.isComplete === false) {
      this.#sql.run(
        'INSERT OR IGNORE INTO blob_blocks (blob, block) SELECT ?, block FROM blob_blocks WHERE blob = ?',
        there.id,
        blob,
      );
    }
    this.complete(target, link);
    if (!isKept) return;
    this.#sql.run(
      "INSERT INTO uploads (id, blob, namespace, state, size, touched) VALUES (?, ?, ?, x'', ?, ?)",
      id,
      target,
      Number(row['namespace']),
      link.size,
      this.#clock.now(),
    );
  }

  /** Its bytes count for their namespace until they are collected, which is soon. */
  endUpload(id: string): void {
    const row = this.#sql.get('DELETE FROM uploads WHERE id = ? RETURNING blob, size', id);
    if (row === undefined) return;
    const sql = 'UPDATE blobs SET touched = 0, size = iif(cid IS NULL, ?, size) WHERE id = ? AND uses = 0';
    this.#sql.run(sql, Number(row['size']), Number(row['blob']));
  }

  uploadCounts(namespaceId: Uint8Array): { readonly all: number; readonly ofNamespace: number } {
    const row = this.#sql.get(
      `SELECT count(*) AS total, coalesce(sum(namespace = (SELECT id FROM namespaces WHERE namespace_id = ?)), 0) AS own
        FROM uploads`,
      namespaceId,
    );
    return { all: Number(row?.['total']), ofNamespace: Number(row?.['own']) };
  }

  /** Uploads that nobody went on with since `before`, or since `emptyBefore` where nothing has come of them. */
  staleUploads(before: number, emptyBefore: number): string[] {
    return this.#sql
      .all('SELECT id FROM uploads WHERE touched < ? OR (touched < ? AND size = 0)', before, emptyBefore)
      .map((row) => String(row['id']));
  }

  /** Uploads that a killed process was taking and nobody can go on with: they have neither state nor CID. */
  brokenUploads(): string[] {
    return this.#sql
      .all("SELECT uploads.id FROM uploads JOIN blobs ON blobs.id = blob WHERE state = x'' AND cid IS NULL")
      .map((row) => String(row['id']));
  }

  /** Uploads under way and their received bytes. */
  uploadTotals(): { readonly count: number; readonly bytes: number } {
    const row = this.#sql.get('SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM uploads');
    return { count: Number(row?.['count']), bytes: Number(row?.['bytes']) };
  }

  /**
   * A blob that nobody needs, and that was not touched since `before`, or since `partBefore` where it is not whole. From now on its CID is
   * not here.
   */
  takeUnused({ before, partBefore, takesReleased, isKept }: UnusedQuery): number | null {
    const found = this.#sql
      .all(
        `SELECT id, cid FROM blobs WHERE uses = 0 AND touched < max(?1, ?2) AND (touched < ?1 OR (complete = 0 AND touched < ?2))
          AND (touched <> ${RELEASED} OR ?3) ORDER BY touched LIMIT ?4`,
        before,
        partBefore,
        takesReleased ? 1 : 0,
        TAKEN_AT_ONCE,
      )
      .find((row) => row['cid'] === null || !isKept(row['cid'] as Uint8Array));
    if (found === undefined) return null;
    const id = Number(found['id']);
    this.#sql.run('UPDATE blobs SET complete = 0, cid = NULL WHERE id = ?', id);
    return id;
  }

  /** Removes some of an unused blob's blocks from it; itself once it has none. Whether that is done. */
  dismantle(blob: number, limit: number): boolean {
    const { changes } = this.#sql.run(
      'DELETE FROM blob_blocks WHERE blob = ?1 AND block IN (SELECT block FROM blob_blocks WHERE blob = ?1 LIMIT ?2)',
      blob,
      limit,
    );
    if (Number(changes) === limit) return false;
    this.#sql.run('DELETE FROM blobs WHERE id = ?', blob);
    return true;
  }

  /** Blocks that no blob has. A caller takes up a good block at once; a broken one may be about to be written anew. */
  unusedBlocks(before: number, limit: number): BlockRow[] {
    return this.#sql
      .all(
        'SELECT id, cid, bytes, broken FROM blocks WHERE uses = 0 AND (broken = 0 OR written < ?) LIMIT ?',
        before,
        limit,
      )
      .map(blockRow);
  }

  removeBlock(id: number): void {
    this.#sql.run('DELETE FROM blocks WHERE id = ?', id);
  }

  totals(): { readonly blocks: number; readonly bytes: number; readonly blobs: number } {
    const row = this.#sql.get(
      'SELECT blocks, bytes, (SELECT count(*) FROM blobs WHERE cid IS NOT NULL) AS blobs FROM totals',
    );
    return { blocks: Number(row?.['blocks']), bytes: Number(row?.['bytes']), blobs: Number(row?.['blobs']) };
  }

  close(): void {
    this.#sql.close();
  }
}

function blockRow(row: Row): BlockRow {
  const isBroken = row['broken'] === 1;
  return { id: Number(row['id']), cid: row['cid'] as Uint8Array, bytes: Number(row['bytes']), isBroken };
}
