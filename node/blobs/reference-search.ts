import type { BlobStore, Reference, Share } from './interface.ts';
import type { Sql } from './sql.ts';
import { decodeStamp } from './stamp-bytes.ts';

/**
 * Blobs of a block, and of each the namespaces, one step of the recursion for each: from one namespace it goes on to the next by the
 * index, however many references there are between them.
 */
const SHARES = `
WITH RECURSIVE found (blob, namespace) AS (
  SELECT blob, (SELECT min(namespace) FROM refs WHERE refs.blob = parts.blob)
    FROM (SELECT blob FROM blob_blocks
      WHERE block = (SELECT id FROM blocks WHERE cid = ?1 AND broken = 0) ORDER BY blob LIMIT ?2) AS parts
  UNION ALL
  SELECT blob, (SELECT min(namespace) FROM refs WHERE refs.blob = found.blob AND refs.namespace > found.namespace)
    FROM found WHERE namespace IS NOT NULL
  LIMIT ?3)
SELECT blob, namespace, namespace_id FROM found JOIN namespaces ON namespaces.id = namespace LIMIT ?2`;

const REFERENCES = `
SELECT namespace_id, key, stamp FROM refs JOIN namespaces ON namespaces.id = namespace
  WHERE namespace = ? AND blob = ? ORDER BY refs.id DESC LIMIT ?`;

const ROOTS = `
SELECT refs.id, blobs.cid FROM refs JOIN blobs ON blobs.id = blob
  WHERE refs.id > ? AND complete = 1 AND since < ? ORDER BY refs.id LIMIT ?`;

/** Finds who refers to what in the catalogue, in bounded time whatever there is of it. */
export class ReferenceSearch {
  readonly #sql: Sql;

  constructor({ sql }: { readonly sql: Sql }) {
    this.#sql = sql;
  }

  sharesOf(block: Uint8Array, limit: number): Share[] {
    // of each blob one step finds that there is no more
    return this.#sql.all(SHARES, block, limit, 2 * limit).map((row) => {
      const namespaceId = row['namespace_id'] as Uint8Array;
      return { namespaceId, namespace: Number(row['namespace']), blob: Number(row['blob']) };
    });
  }

  referencesOf({ namespace, blob }: Share, limit: number): Reference[] {
    return this.#sql.all(REFERENCES, namespace, blob, limit).map((row) => {
      const namespaceId = row['namespace_id'] as Uint8Array;
      const stamp = decodeStamp(row['stamp'] as Uint8Array);
      return { namespaceId, key: String(row['key']), stamp };
    });
  }

  roots({ after, before, limit }: Parameters<BlobStore['roots']>[0]): ReturnType<BlobStore['roots']> {
    return this.#sql.all(ROOTS, after, before, limit).map((row) => {
      return { position: Number(row['id']), cid: row['cid'] as Uint8Array };
    });
  }
}
