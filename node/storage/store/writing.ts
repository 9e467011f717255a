import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type Condition,
  compareRecords,
  type HeldKind,
  isValueKind,
  KIND_FLOOR,
  KIND_TOMBSTONE,
  KIND_VALUE,
  type PartitionId,
  type Stamp,
} from '../../../protocols/storage/index.ts';
import { faultOf } from '../../disk/database-faults.ts';
import {
  checksum,
  encodeLocation,
  SEAL_OVERHEAD_BYTES,
  type Sealer,
  type Shown,
} from '../../disk/sealing.ts';
import { ChangeLog } from './changes.ts';
import { UPKEEP_ROWS_MAX, VACUUM_KEPT_PAGES } from './constants.ts';
import { Housekeeping, isCare, type Outside } from './housekeeping.ts';
import { Ledger, type PartitionRow } from './ledger.ts';
import {
  type Answer,
  type Batch,
  type DiscardOperation,
  type DropOperation,
  type FloorsOperation,
  type Operation,
  type PutOperation,
  receivePut,
  type SentPut,
  type Slice,
  type StampSlice,
  type StateOperation,
  type SweepOperation,
} from './operations.ts';
import { locate, type RecordRow, ROW_COLUMNS, type SealedRow, weightOf } from './rows.ts';

/** Fields of a floor besides its stamp. */
const NOTHING: Shown = { expiry: null, size: 0, contentType: '' };
const NO_BYTES = new Uint8Array();

/** Result of a batch. */
interface Written {
  readonly answers: Answer[];
  readonly changes: Uint8Array<ArrayBuffer> | null;
}

interface Room {
  readonly unsponsoredBytes: number;
}

/** Contents of a row to write. */
interface Content {
  readonly partition: PartitionRow;
  readonly key: Uint8Array;
  readonly stamp: Stamp;
  readonly kind: HeldKind;
  readonly shown: Shown;
  readonly value: Uint8Array;
}

/** Carries out batches of operations, each batch in one transaction that is on disk when `run` returns. */
export class Writing {
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;
  readonly #room: Room;
  readonly #ledger: Ledger;
  readonly #statements: Record<'find' | 'sealed' | 'add' | 'change' | 'remove' | 'rows', StatementSync> &
    Record<'expired' | 'tombstones' | 'floors' | 'state', StatementSync>;
  readonly #housekeeping: Housekeeping;
  #bytes: Uint8Array = NO_BYTES;
  #capacityBytes = 0;
  /** Changes of the batch; null when nobody follows them. */
  #changes: ChangeLog | null = null;

  constructor(components: { readonly database: DatabaseSync; readonly sealer: Sealer }, init: Room) {
    const { database } = components;
    this.#database = database;
    this.#sealer = components.sealer;
    this.#room = init;
    this.#ledger = new Ledger(database);
    this.#housekeeping = new Housekeeping({ database, ledger: this.#ledger });
    const from = 'FROM records r WHERE r.';
    this.#statements = {
      find: database.prepare(`SELECT ${ROW_COLUMNS} ${from}partition = ? AND r.key = ?`),
      sealed: database.prepare(`SELECT ${ROW_COLUMNS}, r.sealed ${from}id = ?`),
      add: database.prepare(
        'INSERT INTO records (ms, counter, digest, kind, expiry, size, content_type, bytes, mark, sealed, partition, key) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      change: database.prepare(
        'UPDATE records SET ms = ?, counter = ?, digest = ?, kind = ?, expiry = ?, size = ?, content_type = ?, bytes = ?, ' +
          'mark = ?, sealed = ? WHERE id = ?',
      ),
      remove: database.prepare('DELETE FROM records WHERE id = ?'),
      rows: database.prepare(`SELECT ${ROW_COLUMNS} ${from}partition = ? LIMIT ${UPKEEP_ROWS_MAX}`),
      expired: database.prepare(
        `SELECT r.partition, ${ROW_COLUMNS} ${from}expiry IS NOT NULL AND r.expiry <= ? ORDER BY r.expiry LIMIT ?`,
      ),
      tombstones: database.prepare(
        `SELECT r.partition, ${ROW_COLUMNS} ${from}kind = 1 AND r.ms < ? ORDER BY r.ms LIMIT ?`,
      ),
      floors: database.prepare(
        `SELECT r.partition, ${ROW_COLUMNS} FROM namespaces n CROSS JOIN partitions p CROSS JOIN records r ` +
          'WHERE n.sponsored = 0 AND p.namespace = n.id AND r.partition = p.id AND r.kind = 16 AND r.ms < ? LIMIT ?',
      ),
      state: database.prepare('UPDATE partitions SET state = ? WHERE id = ?'),
    };
  }

  /** Throws when nothing of the batch was written. */
  run({ operations, bytes, isFollowed, capacityBytes }: Batch): Written {
    this.#bytes = bytes;
    this.#capacityBytes = capacityBytes;
    this.#changes = isFollowed ? new ChangeLog() : null;
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const answers = operations.map((operation) => this.#apply(operation));
      this.#ledger.flush();
      this.#database.exec('COMMIT');
      // what is of the file as a whole is done behind the writes that it came with
      for (const [index, operation] of operations.entries()) {
        if (isCare(operation)) answers[index] = this.#keepHouse(operation);
      }
      return { answers, changes: this.#changes?.take() ?? null };
    } catch (error) {
      this.#undo();
      throw error;
    } finally {
      this.#bytes = NO_BYTES;
      this.#changes = null;
    }
  }

  /** Gives pages that are free back to the file system, some at a time. */
  vacuum(): void {
    this.#housekeeping.run({ type: 'vacuum', kept: VACUUM_KEPT_PAGES });
  }

  /** The writes are on disk whatever becomes of it, unless it finds that the file is damaged. */
  #keepHouse(operation: Outside): number {
    try {
      return this.#housekeeping.run(operation);
    } catch (error) {
      if (faultOf(error) === 'corrupt') throw error;
      return 0;
    }
  }

  #undo(): void {
    // some errors end the transaction by themselves
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    this.#ledger.reload();
  }

  #apply(operation: Operation): Answer {
    if (isPut(operation)) return this.#put(receivePut(operation));
    if (isCare(operation)) return 0;
    switch (operation.type) {
      case 'floors':
        return this.#raise(operation);
      case 'state':
        return this.#state(operation);
      case 'drop':
        return this.#drop(operation);
      case 'discard':
        return this.#discard(operation);
      case 'repack':
        return this.#housekeeping.repack(operation, this.#changes);
      default:
        return this.#sweep(operation);
    }
  }

  #put(operation: PutOperation): Answer {
    const { place, kind, quota, expiry, size, contentType } = operation;
    const partition = this.#ledger.findOrAdd(this.#slice(place.namespaceId), place.partition, place);
    const key = this.#slice(operation.key);
    const stamp = this.#stamp(operation);
    let held = this.#find(partition, key);
    const isDamaged = held !== null && !this.#isIntact(partition, held, operation.isRepair);
    if (isDamaged && !operation.isRepair) return 'corrupt';
    const current = isDamaged ? null : held;
    const order = current === null ? 1 : compareRecords(stamp, current);
    const isSame = current !== null && order === 0 && current.kind === kind;
    // what was kept for a day is kept for as long as its author said once this node sponsors it
    if (isSame && !isLonger(expiry, current.expiry)) return 'held';
    if (!holds(operation.condition, current, operation.now)) {
      return { status: 'condition', current: current && stampOf(current) };
    }
    if (current !== null && order <= 0 && !isSame) return { status: 'stale', current: stampOf(current) };
    this.#ledger.sponsor(partition.namespace, quota);
    const value = this.#slice(operation.record);
    const shown = { expiry, size, contentType };
    const refusal = this.#refusal(
      operation,
      partition,
      held,
      weightOf(key.byteLength, contentType, value.byteLength),
    );
    if (refusal !== null) return { status: 'no_room', reason: refusal };
    if (held !== null && isDamaged) {
      this.#remove(partition, held);
      this.#changes?.lose(idOf(partition));
      held = null;
    }
    this.#write(held, { partition, key, stamp, kind, shown, value });
    return 'stored';
  }

  /** Why there is no room for it. Deletions and entries smaller than before are always accepted: they free space. */
  #refusal(
    { kind, quota }: PutOperation,
    { namespace }: PartitionRow,
    held: RecordRow | null,
    weight: number,
  ): 'capacity' | 'quota' | null {
    const growth = weight + SEAL_OVERHEAD_BYTES - (held?.bytes ?? 0);
    if (growth <= 0 || (kind === KIND_TOMBSTONE && holdsValue(held))) return null;
    const isNewKey = isValueKind(kind) && !holdsValue(held);
    if (namespace.bytes + growth > quota.bytes || (isNewKey && namespace.keys >= quota.keys)) return 'quota';
    const { unsponsoredBytes } = this.#room;
    const isShared = !quota.isSponsored;
    if (isShared && this.#ledger.unsponsoredBytes + growth > unsponsoredBytes) return 'quota';
    return this.#ledger.bytes + growth > this.#capacityBytes ? 'capacity' : null;
  }

  #raise({ place, floors }: FloorsOperation): number {
    const partition = this.#ledger.findOrAdd(this.#slice(place.namespaceId), place.partition, place);
    let raised = 0;
    for (const floor of floors) {
      const key = this.#slice(floor.key);
      const stamp = this.#stamp(floor.stamp);
      const held = this.#find(partition, key);
      if (held !== null && (compareRecords(stamp, held) <= 0 || !this.#isIntact(partition, held, false)))
        continue;
      this.#write(held, { partition, key, stamp, kind: KIND_FLOOR, shown: NOTHING, value: NO_BYTES });
      raised += 1;
    }
    return raised;
  }

  #state({ place, state }: StateOperation): number {
    const partition = this.#ledger.findOrAdd(this.#slice(place.namespaceId), place.partition, place);
    this.#statements.state.run(this.#slice(state), partition.id);
    return 1;
  }

  #drop({ namespaceId, partition: number }: DropOperation): number {
    const partition = this.#ledger.find(this.#slice(namespaceId), number);
    if (partition === null) return 0;
    const rows = this.#statements.rows.all(partition.id) as unknown as RecordRow[];
    for (const row of rows) this.#remove(partition, row);
    if (rows.length < UPKEEP_ROWS_MAX) this.#ledger.drop(partition);
    return rows.length;
  }

  #discard({ namespaceId, partition: number, key }: DiscardOperation): number {
    const partition = this.#ledger.find(this.#slice(namespaceId), number);
    const held = partition && this.#find(partition, this.#slice(key));
    if (partition === null || held === null || this.#isIntact(partition, held, true)) return 0;
    this.#remove(partition, held);
    this.#changes?.lose(idOf(partition));
    return 1;
  }

  #sweep({ type, time, max }: SweepOperation): number {
    const { expired, tombstones, floors } = this.#statements;
    const statement = { expire: expired, collect: tombstones, forget: floors }[type];
    const rows = statement.all(time, max) as unknown as (RecordRow & { partition: number })[];
    for (const row of rows) {
      const partition = this.#ledger.byId(row.partition);
      // a row that is damaged says nothing of itself that a floor could be made of
      if (partition === null || !this.#isIntact(partition, row, false)) {
        this.#setAside(row);
        continue;
      }
      if (type === 'forget') {
        this.#remove(partition, row);
        continue;
      }
      this.#write(row, {
        partition,
        key: row.key,
        stamp: row,
        kind: KIND_FLOOR,
        shown: NOTHING,
        value: NO_BYTES,
      });
    }
    return rows.length;
  }

  /** Takes a damaged row out of the way of sweeps: it stays damaged, so that a reader reports it. */
  #setAside({ id }: RecordRow): void {
    this.#database.prepare('UPDATE records SET expiry = NULL, kind = ? WHERE id = ?').run(KIND_VALUE, id);
  }

  #write(held: RecordRow | null, { partition, key, stamp, kind, shown, value }: Content): void {
    const { ms, counter, digest } = stamp;
    const { namespaceId } = partition.namespace;
    const location = encodeLocation({
      namespaceId,
      partition: partition.number,
      key,
      ms,
      counter,
      digest,
      kind,
    });
    const sealed = this.#sealer.seal(location, value);
    const bytes = weightOf(key.byteLength, shown.contentType, sealed.byteLength);
    const mark = checksum(location, shown);
    const { expiry, size, contentType } = shown;
    const columns = [ms, counter, digest, kind, expiry, size, contentType, bytes, mark, sealed] as const;
    let row = held?.id ?? 0;
    if (held !== null) this.#statements.change.run(...columns, row);
    else row = Number(this.#statements.add.run(...columns, partition.id, key).lastInsertRowid);
    this.#changes?.add(idOf(partition), key, { gone: held?.digest ?? null, come: digest }, row);
    if (held !== null) this.#ledger.mark(partition, held.digest);
    this.#ledger.mark(partition, digest);
    this.#ledger.count(partition, {
      rows: held === null ? 1 : 0,
      keys: Number(isValueKind(kind)) - Number(holdsValue(held)),
      bytes: bytes - (held?.bytes ?? 0),
    });
  }

  #remove(partition: PartitionRow, row: RecordRow): void {
    this.#statements.remove.run(row.id);
    this.#changes?.add(idOf(partition), row.key, { gone: row.digest, come: null }, row.id);
    this.#ledger.mark(partition, row.digest);
    this.#ledger.count(partition, { rows: -1, keys: holdsValue(row) ? -1 : 0, bytes: -row.bytes });
  }

  #find(partition: PartitionRow, key: Uint8Array): RecordRow | null {
    return (this.#statements.find.get(partition.id, key) as unknown as RecordRow | undefined) ?? null;
  }

  /** `isThorough`: whether the value is opened, too. */
  #isIntact(partition: PartitionRow, row: RecordRow, isThorough: boolean): boolean {
    const location = locate(idOf(partition), row);
    if (location === null || !isThorough) return location !== null;
    const full = this.#statements.sealed.get(row.id) as unknown as SealedRow | undefined;
    return full !== undefined && this.#sealer.open(location, full.sealed) !== null;
  }

  #stamp({ ms, counter, digest }: StampSlice): Stamp {
    return { ms, counter, digest: this.#slice(digest) };
  }

  #slice({ at, length }: Slice): Uint8Array {
    return this.#bytes.subarray(at, at + length);
  }
}

function idOf({ namespace, number }: PartitionRow): PartitionId {
  return { namespaceId: namespace.namespaceId, partition: number };
}

function isPut(operation: Operation): operation is SentPut {
  return Array.isArray(operation);
}

function isLonger(expiry: number | null, than: number | null): boolean {
  return than !== null && (expiry === null || expiry > than);
}

function stampOf({ ms, counter, digest }: Stamp): Stamp {
  return { ms, counter, digest };
}

function holds(condition: Condition | null, held: RecordRow | null, now: number): boolean {
  if (condition === null) return true;
  if (condition.kind === 'notAbove') return held === null || compareRecords(held, condition.stamp) <= 0;
  const live = held !== null && isLive(held, now) ? held : null;
  if (condition.kind === 'absent') return live === null;
  return live !== null && compareRecords(live, condition.stamp) === 0;
}

function isLive({ kind, expiry }: RecordRow, now: number): boolean {
  return isValueKind(kind) && (expiry === null || expiry > now);
}

function holdsValue(held: RecordRow | null): boolean {
  return held !== null && isValueKind(held.kind);
}
