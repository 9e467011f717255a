import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Stamp } from '../../protocols/storage/index.ts';
import type { BlobInfo, Reference } from './interface.ts';
import type { Row, Sql } from './sql.ts';
import { decodeStamp, encodeStamp } from './stamp-bytes.ts';

type Sized = Pick<BlobInfo, 'size'> & { readonly id: number };

/**
 * When a blob was touched last whose record was replaced or deleted: it is there a little longer, for whoever is reading it, unless its room is
 * needed. 0 is for what goes now.
 */
export const RELEASED = 1;

/** The references to each blob, and the bytes of each namespace. */
export class References {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor({ sql, clock }: { readonly sql: Sql; readonly clock: Clock }) {
    this.#sql = sql;
    this.#clock = clock;
  }

  namespace(namespaceId: Uint8Array): number {
    const row = this.#sql.get(
      `INSERT INTO namespaces (namespace_id) VALUES (?)
        ON CONFLICT (namespace_id) DO UPDATE SET bytes = bytes RETURNING id`,
      namespaceId,
    );
    return Number(row?.['id']);
  }

  /**
   * Bytes of a namespace: blobs it refers to, each counted once, its uploads, and blobs that came for it that nothing refers to
   * yet.
   */
  bytesOf(namespaceId: Uint8Array): number {
    const row = this.#sql.get(
      `SELECT bytes + (SELECT coalesce(sum(size), 0) FROM uploads WHERE namespace = namespaces.id)
          + (SELECT coalesce(sum(size), 0) FROM blobs WHERE claim = namespaces.id AND uses = 0) AS bytes
        FROM namespaces WHERE namespace_id = ?`,
      namespaceId,
    );
    return Number(row?.['bytes'] ?? 0);
  }

  /** Whether a blob is among what `bytesOf` counts of a namespace. */
  isCounted(namespaceId: Uint8Array, { id, uses }: BlobInfo & { readonly id: number }): boolean {
    if (this.#isBy(namespaceId, id)) return true;
    const counting =
      uses > 0
        ? 'uploads ON namespaces.id = namespace AND blob = ?'
        : 'blobs ON namespaces.id = claim AND blobs.id = ?';
    const sql = `SELECT 1 FROM namespaces JOIN ${counting} WHERE namespace_id = ?`;
    return this.#sql.get(sql, id, namespaceId) !== undefined;
  }

  /** False where it was there: then it is as fresh as a new one. */
  add(reference: Reference, { id, size }: Sized): boolean {
    const namespace = this.namespace(reference.namespaceId);
    const isShare = !this.#isBy(reference.namespaceId, id);
    const name = [namespace, reference.key, encodeStamp(reference.stamp)] as const;
    const now = this.#clock.now();
    const sql = 'INSERT OR IGNORE INTO refs (namespace, key, stamp, blob, since) VALUES (?, ?, ?, ?, ?)';
    const { changes } = this.#sql.run(sql, ...name, id, now);
    if (Number(changes) === 0) {
      this.#sql.run('UPDATE refs SET since = ? WHERE namespace = ? AND key = ? AND stamp = ?', now, ...name);
      return false;
    }
    if (isShare) this.#sql.run('UPDATE namespaces SET bytes = bytes + ? WHERE id = ?', size, namespace);
    return true;
  }

  stampsOf(namespaceId: Uint8Array, key: string): Stamp[] {
    return this.#sql
      .all(
        'SELECT stamp FROM refs WHERE namespace = (SELECT id FROM namespaces WHERE namespace_id = ?) AND key = ?',
        namespaceId,
        key,
      )
      .map((row) => decodeStamp(row['stamp'] as Uint8Array));
  }

  remove(reference: Reference): boolean {
    const namespace = this.namespace(reference.namespaceId);
    const row = this.#sql.get(
      'DELETE FROM refs WHERE namespace = ? AND key = ? AND stamp = ? RETURNING blob',
      namespace,
      reference.key,
      encodeStamp(reference.stamp),
    );
    if (row === undefined) return false;
    const blob = Number(row['blob']);
    // what nothing refers to any more counts for nobody; the grace of what is fresh is for what nothing referred to yet
    this.#sql.run('UPDATE blobs SET claim = 0, touched = ? WHERE id = ? AND uses = 0', RELEASED, blob);
    if (!this.#isBy(reference.namespaceId, blob)) {
      this.#sql.run(
        'UPDATE namespaces SET bytes = bytes - (SELECT size FROM blobs WHERE id = ?) WHERE id = ?',
        blob,
        namespace,
      );
    }
    return true;
  }

  list(
    after: number,
    before: number,
    limit: number,
  ): { readonly position: number; readonly reference: Reference }[] {
    return this.#sql
      .all(
        `SELECT refs.id, namespace_id, key, stamp FROM refs JOIN namespaces ON namespaces.id = namespace
        WHERE refs.id > ? AND since < ? ORDER BY refs.id LIMIT ?`,
        after,
        before,
        limit,
      )
      .map((row) => ({ position: Number(row['id']), reference: referenceOf(row) }));
  }

  /** All references to a blob count it with another size from now on. */
  resize({ id, size }: Sized, to: number): void {
    this.#sql.run(
      'UPDATE namespaces SET bytes = bytes + ? WHERE id IN (SELECT namespace FROM refs WHERE blob = ?)',
      to - size,
      id,
    );
  }

  wanted(limit: number): { readonly link: BlobLink; readonly reference: Reference }[] {
    return this.#sql
      .all(
        `SELECT cid, size, namespace_id, refs.key, refs.stamp FROM blobs
        JOIN refs ON refs.id = (SELECT min(id) FROM refs WHERE blob = blobs.id)
        JOIN namespaces ON namespaces.id = refs.namespace
        WHERE complete = 0 AND blobs.uses > 0 ORDER BY touched LIMIT ?`,
        limit,
      )
      .map(wantedOf);
  }

  lacking(
    namespaceId: Uint8Array,
    limit: number,
  ): { readonly link: BlobLink; readonly reference: Reference }[] {
    return this.#sql
      .all(
        `SELECT cid, size, namespace_id, refs.key, refs.stamp FROM blobs JOIN refs ON refs.blob = blobs.id
        JOIN namespaces ON namespaces.id = refs.namespace WHERE complete = 0 AND blobs.uses > 0 AND namespace_id = ? LIMIT ?`,
        namespaceId,
        limit,
      )
      .map(wantedOf);
  }

  #isBy(namespaceId: Uint8Array, blob: number): boolean {
    return (
      this.#sql.get(
        'SELECT 1 FROM refs WHERE namespace = (SELECT id FROM namespaces WHERE namespace_id = ?) AND blob = ? LIMIT 1',
        namespaceId,
        blob,
      ) !== undefined
    );
  }
}

function wantedOf(row: Row): { readonly link: BlobLink; readonly reference: Reference } {
  const link = { cid: row['cid'] as Uint8Array, size: Number(row['size']) };
  return { link, reference: referenceOf(row) };
}

function referenceOf(row: Row): Reference {
  return {
    namespaceId: row['namespace_id'] as Uint8Array,
    key: String(row['key']),
    stamp: decodeStamp(row['stamp'] as Uint8Array),
  };
}
