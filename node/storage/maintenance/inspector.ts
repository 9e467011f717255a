/**
 * The process that reads and verifies the records on disk. It is a separate process: SQLite's check of a whole file
 * cannot be interrupted, and requests must not wait for it. It reads the disk, not the node's caches.
 */
import { constants, setPriority } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { decodeMultikey } from '../../../protocols/common/did-key.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import {
  decodeRecord,
  FINGERPRINT_BYTES,
  KIND_FLOOR,
  Partitions,
  signingBytes,
} from '../../../protocols/storage/index.ts';
import { openReadOnly } from '../../disk/database.ts';
import { Sealer } from '../../disk/sealing.ts';
import { createCrypto } from '../../runtime/crypto.ts';
import { isSealedWith } from '../store/database.ts';
import type { PartitionPlace } from '../store/interface.ts';
import { locate, ROW_COLUMNS, type SealedRow } from '../store/rows.ts';
import type { Finding, InspectorInit } from './inspection.ts';
import { INSPECTED_BYTES, INSPECTED_ROWS, RECORD_MIN_BYTES } from './limits.ts';

const SECOND_MS = 1000;

type Row = SealedRow & {
  readonly number: number | null;
  readonly namespace_id: Uint8Array | null;
  readonly owner: string;
  readonly name: string;
};

/** Rows by their numbers: what the index has is compared with by SQLite itself. */
const PAGE =
  `SELECT ${ROW_COLUMNS}, r.sealed, p.number, n.namespace_id, n.owner, n.name FROM records r ` +
  'LEFT JOIN partitions p ON p.id = r.partition LEFT JOIN namespaces n ON n.id = p.namespace ' +
  'WHERE r.id > ? ORDER BY r.id LIMIT ?';

class Inspector {
  readonly #init: InspectorInit;
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;
  readonly #crypto = createCrypto();
  readonly #partitions: Partitions;

  constructor(init: InspectorInit) {
    this.#init = init;
    this.#database = openReadOnly(init.path);
    this.#sealer = new Sealer(init.key);
    this.#partitions = new Partitions({ crypto: this.#crypto }, { swarm: init.swarm });
  }

  async run(): Promise<void> {
    this.#checkFile();
    this.#checkCounts();
    await this.#readAll();
  }

  #checkFile(): void {
    if (!isSealedWith(this.#database, this.#init.key.id)) throw new Error('it is sealed with another key');
    checkIntegrity(this.#database);
  }

  /** Verifies the counts of partitions against their rows: replicas compare these counts to detect differences. */
  #checkCounts(): void {
    this.#database.exec('BEGIN');
    try {
      const counted = new Map<number, { count: number; fingerprint: Uint8Array }>();
      const rows = this.#database.prepare('SELECT partition, digest FROM records').iterate();
      for (const { partition, digest } of rows as Iterable<Record<string, unknown>>) {
        const id = Number(partition);
        const one = counted.get(id) ?? { count: 0, fingerprint: new Uint8Array(FINGERPRINT_BYTES) };
        counted.set(id, one);
        one.count += 1;
        const bytes = digest as Uint8Array;
        for (let i = 0; i < FINGERPRINT_BYTES; i++)
          one.fingerprint[i] = (one.fingerprint[i] ?? 0) ^ (bytes[i] ?? 0);
      }
      const said = this.#database.prepare('SELECT id, count, fingerprint FROM partitions').iterate();
      for (const { id, count, fingerprint } of said as Iterable<Record<string, unknown>>) {
        const one = counted.get(Number(id)) ?? { count: 0, fingerprint: new Uint8Array(FINGERPRINT_BYTES) };
        counted.delete(Number(id));
        if (one.count !== count || !equalBytes(one.fingerprint, fingerprint as Uint8Array)) {
          throw new Error('what is counted of a partition is not what is there');
        }
      }
      if (counted.size > 0) throw new Error('there are records of a partition that is not there');
    } finally {
      this.#database.exec('COMMIT');
    }
  }

  async #readAll(): Promise<void> {
    const page = this.#database.prepare(PAGE);
    const startedAt = performance.now();
    let charged = 0;
    for (let after = this.#init.after; ; ) {
      const some = { records: 0, bytes: 0 };
      let isEnd = true;
      for (const found of page.iterate(after, INSPECTED_ROWS) as Iterable<unknown>) {
        const row = found as Row;
        isEnd = false;
        after = row.id;
        await this.#look(row);
        some.records += 1;
        some.bytes += row.sealed.byteLength;
        charged += Math.max(RECORD_MIN_BYTES, row.sealed.byteLength);
        if (some.bytes >= INSPECTED_BYTES) break;
      }
      if (isEnd) return;
      await tell({ kind: 'read', ...some, position: after });
      const ahead = startedAt + (charged / this.#init.bytesPerSecond) * SECOND_MS - performance.now();
      if (ahead > 0) await wait(ahead);
    }
  }

  /** Throws where the row does not even say whose it is. */
  async #look(row: Row): Promise<void> {
    const { number, namespace_id: namespaceId, owner, name } = row;
    if (number === null || namespaceId === null) throw new Error('there is a record of no partition');
    const place = { namespaceId, partition: number, owner, namespace: name };
    if (await this.#isSound(place, row)) return;
    const key = Buffer.from(row.key).toString();
    if (!Buffer.from(key).equals(row.key)) throw new Error('there is a key that is no text');
    await tell({ kind: 'broken', place, key });
  }

  async #isSound(place: PartitionPlace, row: Row): Promise<boolean> {
    const location = locate(place, row);
    const bytes = location && this.#sealer.open(location, row.sealed);
    if (bytes === null) return false;
    if (row.kind === KIND_FLOOR) return bytes.byteLength === 0;
    try {
      const record = decodeRecord(bytes, this.#crypto);
      const { namespaceId, partition } = this.#partitions.of(record);
      const isOfRow =
        equalBytes(Buffer.from(record.key), row.key) &&
        equalBytes(record.digest, row.digest) &&
        partition === place.partition &&
        equalBytes(namespaceId, place.namespaceId);
      const message = signingBytes(this.#init.swarm, record.digest);
      const author = decodeMultikey(record.author);
      return isOfRow && (await this.#crypto.verifyEd25519(author, message, record.signature));
    } catch {
      return false;
    }
  }
}

/** Resolves when it was sent: what is not read does not pile up. */
function tell(finding: Finding): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(finding, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

function checkIntegrity(database: DatabaseSync): void {
  const [row] = database.prepare('PRAGMA integrity_check(1)').all();
  const said = String(Object.values(row ?? {})[0]);
  if (said !== 'ok') throw new Error(said);
}

async function checkCatalogue(path: string): Promise<void> {
  try {
    checkIntegrity(openReadOnly(path));
  } catch (error) {
    await tell({ kind: 'damagedCatalogue', reason: errorMessage(error) });
  }
}

async function inspectAll(init: InspectorInit): Promise<void> {
  if (init.catalogue !== null) await checkCatalogue(init.catalogue);
  try {
    await new Inspector(init).run();
    await tell({ kind: 'end' });
  } catch (error) {
    await tell({ kind: 'damaged', reason: errorMessage(error) });
  }
  process.disconnect();
}

if (process.send !== undefined) {
  setPriority(constants.priority.PRIORITY_LOW);
  process.once('message', (init) => void inspectAll(init as InspectorInit));
  process.once('disconnect', () => process.exit());
}
