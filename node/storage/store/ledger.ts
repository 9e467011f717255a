import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { FINGERPRINT_BYTES } from '../../../protocols/storage/index.ts';
import { REMEMBERED_MAX } from './constants.ts';
import type { Quota } from './interface.ts';

/** Usage of a namespace. */
export interface NamespaceRow {
  readonly id: number;
  readonly namespaceId: Uint8Array;
  keys: number;
  bytes: number;
  isSponsored: boolean;
  isChanged: boolean;
}

export interface PartitionRow {
  readonly id: number;
  readonly number: number;
  readonly namespace: NamespaceRow;
  count: number;
  bytes: number;
  /** XOR of the first bytes of the digests of all rows: replicas that hold the same have the same. */
  readonly fingerprint: Uint8Array;
  isChanged: boolean;
}

/** Counted size of a row of records. */
export interface Weight {
  readonly rows: number;
  readonly keys: number;
  readonly bytes: number;
}

export interface PlaceNames {
  readonly owner: string;
  readonly namespace: string;
}

/** Counts of namespaces and partitions, written with what they count in one transaction. */
export class Ledger {
  readonly #statements: Record<'namespace' | 'namespaceById' | 'partition' | 'partitionById', StatementSync> &
    Record<'addNamespace' | 'addPartition' | 'setNamespace' | 'setPartition', StatementSync> &
    Record<'dropNamespace' | 'dropPartition' | 'totals', StatementSync>;
  readonly #partitions = new Map<string, PartitionRow>();
  readonly #partitionsById = new Map<number, PartitionRow>();
  readonly #namespaces = new Map<number, NamespaceRow>();
  readonly #changed = new Set<PartitionRow | NamespaceRow>();
  /** Most writes go where the one before went. */
  #latest: PartitionRow | null = null;
  #bytes = 0;
  #unsponsoredBytes = 0;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => database.prepare(sql);
    this.#statements = {
      namespace: prepare('SELECT * FROM namespaces WHERE namespace_id = ?'),
      namespaceById: prepare('SELECT * FROM namespaces WHERE id = ?'),
      partition: prepare('SELECT * FROM partitions WHERE namespace = ? AND number = ?'),
      partitionById: prepare('SELECT * FROM partitions WHERE id = ?'),
      addNamespace: prepare('INSERT INTO namespaces VALUES (NULL, ?, ?, ?, 0, 0, ?)'),
      addPartition: prepare(
        `INSERT INTO partitions VALUES (NULL, ?, ?, 0, 0, zeroblob(${FINGERPRINT_BYTES}), NULL)`,
      ),
      setNamespace: prepare('UPDATE namespaces SET keys = ?, bytes = ?, sponsored = ? WHERE id = ?'),
      setPartition: prepare('UPDATE partitions SET count = ?, bytes = ?, fingerprint = ? WHERE id = ?'),
      dropNamespace: prepare(
        'DELETE FROM namespaces WHERE id = ? AND NOT EXISTS (SELECT 1 FROM partitions WHERE namespace = ?)',
      ),
      dropPartition: prepare('DELETE FROM partitions WHERE id = ?'),
      totals: prepare(
        'SELECT coalesce(sum(bytes), 0) bytes, coalesce(sum(bytes) FILTER (WHERE sponsored = 0), 0) shared FROM namespaces',
      ),
    };
    this.reload();
  }

  /** Sum of all namespaces. */
  get bytes(): number {
    return this.#bytes;
  }

  get unsponsoredBytes(): number {
    return this.#unsponsoredBytes;
  }

  /** Forgets what a transaction that failed had changed. */
  reload(): void {
    this.#changed.clear();
    this.#forget();
    const { bytes = 0, shared = 0 } = this.#statements.totals.get() ?? {};
    this.#bytes = Number(bytes);
    this.#unsponsoredBytes = Number(shared);
  }

  find(namespaceId: Uint8Array, number: number): PartitionRow | null {
    const latest = this.#latest;
    const isLatest = latest?.number === number && equalBytes(latest.namespace.namespaceId, namespaceId);
    if (latest !== null && isLatest) return latest;
    this.#latest = this.#find(namespaceId, number);
    return this.#latest;
  }

  /** Makes the rows where they are missing. */
  findOrAdd(namespaceId: Uint8Array, number: number, { owner, namespace }: PlaceNames): PartitionRow {
    const known = this.find(namespaceId, number);
    if (known !== null) return known;
    let row = this.#statements.namespace.get(namespaceId);
    if (row === undefined) {
      this.#statements.addNamespace.run(namespaceId, owner, namespace, 1);
      row = this.#statements.namespace.get(namespaceId);
    }
    this.#statements.addPartition.run(Number(row?.['id']), number);
    const added = this.find(namespaceId, number);
    if (added === null) throw new Error('a partition that was added is not there');
    return added;
  }

  byId(id: number): PartitionRow | null {
    const known = this.#partitionsById.get(id);
    if (known !== undefined) return known;
    const row = this.#statements.partitionById.get(id);
    const namespace = row && this.#statements.namespaceById.get(Number(row['namespace']));
    return namespace === undefined ? null : this.#remember(row ?? {}, this.#namespace(namespace));
  }

  count(partition: PartitionRow, { rows, keys, bytes }: Weight): void {
    const { namespace } = partition;
    partition.count += rows;
    partition.bytes += bytes;
    namespace.keys += keys;
    namespace.bytes += bytes;
    this.#bytes += bytes;
    if (!namespace.isSponsored) this.#unsponsoredBytes += bytes;
    this.#touch(partition);
    this.#touch(namespace);
  }

  /** Takes the digest of a row that was added, or is removed, into the fingerprint. */
  mark({ fingerprint }: PartitionRow, digest: Uint8Array): void {
    for (let i = 0; i < FINGERPRINT_BYTES; i++) fingerprint[i] = (fingerprint[i] ?? 0) ^ (digest[i] ?? 0);
  }

  /** Whether a namespace shares the room of those without a sponsor changes with the sponsor list. */
  sponsor(namespace: NamespaceRow, { isSponsored }: Quota): void {
    if (namespace.isSponsored === isSponsored) return;
    namespace.isSponsored = isSponsored;
    this.#unsponsoredBytes += isSponsored ? -namespace.bytes : namespace.bytes;
    this.#touch(namespace);
  }

  /** Removes a partition without records, and its namespace with the last of its partitions. */
  drop(partition: PartitionRow): void {
    this.flush();
    this.#statements.dropPartition.run(partition.id);
    this.#statements.dropNamespace.run(partition.namespace.id, partition.namespace.id);
    this.#forget();
  }

  /** Writes what changed: once a transaction. */
  flush(): void {
    for (const row of this.#changed) {
      row.isChanged = false;
      if ('namespace' in row) {
        this.#statements.setPartition.run(row.count, row.bytes, row.fingerprint, row.id);
      } else this.#statements.setNamespace.run(row.keys, row.bytes, Number(row.isSponsored), row.id);
    }
    this.#changed.clear();
    // only now: a row that is forgotten while it is changed would be read again as it was
    if (this.#partitions.size > REMEMBERED_MAX) this.#forget();
  }

  #touch(row: PartitionRow | NamespaceRow): void {
    if (row.isChanged) return;
    row.isChanged = true;
    this.#changed.add(row);
  }

  #find(namespaceId: Uint8Array, number: number): PartitionRow | null {
    const name = nameOf(namespaceId, number);
    const known = this.#partitions.get(name);
    if (known !== undefined) return known;
    const namespace = this.#statements.namespace.get(namespaceId);
    if (namespace === undefined) return null;
    const row = this.#statements.partition.get(Number(namespace['id']), number);
    if (row === undefined) return null;
    return this.#remember(row, this.#namespace(namespace));
  }

  #forget(): void {
    this.#latest = null;
    this.#partitions.clear();
    this.#partitionsById.clear();
    this.#namespaces.clear();
  }

  #namespace(row: Record<string, unknown>): NamespaceRow {
    const id = Number(row['id']);
    const known = this.#namespaces.get(id);
    if (known !== undefined) return known;
    const namespace: NamespaceRow = {
      id,
      namespaceId: row['namespace_id'] as Uint8Array,
      keys: Number(row['keys']),
      bytes: Number(row['bytes']),
      isSponsored: row['sponsored'] !== 0,
      isChanged: false,
    };
    this.#namespaces.set(id, namespace);
    return namespace;
  }

  #remember(row: Record<string, unknown>, namespace: NamespaceRow): PartitionRow {
    const partition: PartitionRow = {
      id: Number(row['id']),
      number: Number(row['number']),
      namespace,
      count: Number(row['count']),
      bytes: Number(row['bytes']),
      fingerprint: Uint8Array.from(row['fingerprint'] as Uint8Array),
      isChanged: false,
    };
    this.#partitions.set(nameOf(namespace.namespaceId, partition.number), partition);
    this.#partitionsById.set(partition.id, partition);
    return partition;
  }
}

function nameOf(namespaceId: Uint8Array, number: number): string {
  const { buffer, byteOffset, byteLength } = namespaceId;
  return `${number} ${Buffer.from(buffer, byteOffset, byteLength).toString('latin1')}`;
}
