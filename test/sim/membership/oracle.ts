import { createCrypto } from '../../../node/runtime/crypto.ts';
import type { StoredRecord, WriteReceipt } from '../../../node/storage/api/interface.ts';
import { CLOCK_SKEW_MS } from '../../../protocols/common/clock.ts';
import {
  compareRecords,
  formatEtag,
  isValueKind,
  KIND_FLOOR,
  KIND_TOMBSTONE,
  type PartitionId,
  Partitions,
  parseEtag,
  type RecordName,
  type Stamp,
} from '../../../protocols/storage/index.ts';
import type { Row, RowChange } from '../../support/memory-disk.ts';
import type { Machine } from './machine.ts';
import { DOWN_TIMEOUT_MS, type SimNode, SWARM } from './node.ts';
import { Reach } from './reach.ts';
import type { World } from './world.ts';

/** A broken invariant of protocols/storage/SPEC.md, by its number. */
export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7';
  readonly atMs: number;
  readonly text: string;
}

/** A write that was acknowledged. */
interface Acked {
  readonly stamp: Stamp;
  readonly isDelete: boolean;
  readonly isMajority: boolean;
  readonly isDurable: boolean;
  readonly expiry: number | null;
  readonly replicas: readonly string[];
  readonly at: number;
}

interface Seen {
  readonly stamp: Stamp;
  readonly isDelete: boolean;
  readonly expiry: number | null;
}

/** History of one key. */
interface Key {
  readonly name: RecordName;
  readonly acked: Acked[];
  /** All that any disk ever held. */
  readonly seen: Map<string, Seen>;
}

/** Splits that are nearly as long as the down timeout: clocks and looks differ. */
const SPLIT_MARGIN_MS = 60_000;
/** In which who was chosen as a sponsor keeps for good what it kept for a day. */
const LENGTHEN_MS = 60_000;
/** In which a replica may have confirmed what was lost with its disk then. */
const LOSS_MS = 60_000;
/** The first are enough: the rest follows from them. */
const VIOLATIONS_MAX = 8;

function heldId({ id }: Pick<Machine, 'id'>, { name }: Key): string {
  return `${id} ${name.owner} ${name.namespace} ${name.key}`;
}

/** Knows what was promised and what each disk holds, and says when one does not go with the other. */
export class Oracle {
  readonly violations: Violation[] = [];
  readonly reach = new Reach();
  /** A clock was farther ahead than the invariants allow for: by it a value may have ended. */
  wasClockAhead = false;
  readonly counts = { acked: 0, refused: 0, unclear: 0, reads: 0, readsFailed: 0, degraded: 0, lost: 0 };
  readonly #keys = new Map<string, Key>();
  readonly #lostAt = new Map<string, number>();
  /** When a machine without data last started where there was nobody to tell it of others. */
  #aloneAt = -Infinity;
  /** Machines with the rows that they held as replicas of their operators' for as long as their authors said. */
  readonly #kept = new Set<string>();
  /** Since when such a replica has held a row for a day only. */
  readonly #shortSince = new Map<string, number>();
  readonly #partitions = new Partitions({ crypto: createCrypto() }, { swarm: SWARM });
  #world: World | null = null;

  watch(world: World): void {
    this.#world = world;
  }

  get world(): World {
    if (this.#world === null) throw new Error('nothing is watched yet');
    return this.#world;
  }

  get keys(): readonly Key[] {
    return [...this.#keys.values()];
  }

  violated(invariant: Violation['invariant'], text: string): void {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    this.violations.push({ invariant, atMs: this.world.time.clock.monotonicNow(), text });
  }

  noteLoss(machine: Machine): void {
    this.#lostAt.set(machine.id, this.world.now);
    for (const key of this.keys) this.#kept.delete(heldId(machine, key));
  }

  noteClock(offsetMs: number): void {
    this.wasClockAhead ||= offsetMs > CLOCK_SKEW_MS;
  }

  noteStart({ id, disk }: Machine): void {
    const { net, up, now } = this.world;
    const isMet = up.some((node) => net.isReachable(node.id, id));
    if ([...disk.partitions].length === 0 && !isMet) this.#aloneAt = now;
  }

  wasLost({ id }: Machine): boolean {
    return this.#lostAt.has(id);
  }

  noteReach(): void {
    const { machines, net, now } = this.world;
    for (const [index, { id: a }] of machines.entries()) {
      for (const { id: b } of machines.slice(index + 1)) {
        this.reach.note(a, b, net.isReachable(a, b), now);
      }
    }
  }

  acked(name: RecordName, receipt: WriteReceipt, isDelete: boolean): void {
    const stamp = parseEtag(receipt.etag);
    if (stamp === null) throw new Error('a receipt without a version');
    this.counts.acked += 1;
    this.#key(name).acked.push({
      stamp,
      isDelete,
      isMajority: receipt.durability !== 'one',
      isDurable: receipt.durable,
      expiry: receipt.expiresAt,
      replicas: receipt.replicas,
      at: this.world.now,
    });
  }

  /** A disk holds something else now. */
  changed(node: SimNode, { place, before, after, cause }: RowChange): void {
    const row = after ?? before;
    if (row === null) return;
    const key = this.#key({ owner: place.owner, namespace: place.namespace, key: row.key });
    const record = after?.record ?? null;
    if (record !== null) {
      const { expiry, kind } = record;
      key.seen.set(formatEtag(record), { stamp: record, isDelete: kind === KIND_TOMBSTONE, expiry });
    }
    if (before !== null && isValueKind(before.kind)) this.#checkKept(node, key, before, after, cause);
    if (after !== null && isValueKind(after.kind)) this.#look(node, key, after);
  }

  /** Looks at all that nodes hold. */
  look(): void {
    for (const key of this.keys) {
      const partition = this.#partitions.of(key.name);
      for (const node of this.world.up) {
        const row = node.machine.disk.find(partition)?.rows.get(key.name.key);
        if (row !== undefined && isValueKind(row.kind)) this.#look(node, key, row);
      }
    }
  }

  /** Whether several wrote to a key since: one that another overtook at some replica may last or not. */
  wasContested(name: RecordName, since: number): boolean {
    const written = [...this.#key(name).seen.values()];
    return written.filter(({ stamp }) => stamp.ms >= since - CLOCK_SKEW_MS).length > 1;
  }

  /** The newest write that was acknowledged as durable; null where it is no value any more. */
  promised(key: Key): Acked | null {
    const durable = key.acked.filter(({ isDurable }) => isDurable);
    const newest = durable.toSorted((a, b) => compareRecords(b.stamp, a.stamp))[0];
    if (newest === undefined || newest.isDelete || this.#mayHaveEnded(newest.expiry)) return null;
    return this.#isOver(key, newest.stamp) ? null : newest;
  }

  /** Whether something greater was written that is no value any more, acknowledged or not. */
  #isOver({ seen }: Key, than: Stamp): boolean {
    return [...seen.values()].some(({ stamp, isDelete, expiry }) => {
      return compareRecords(stamp, than) > 0 && (isDelete || this.#mayHaveEnded(expiry));
    });
  }

  /** Copies of a key on the disks that are not lost, by machine. */
  holders(key: Key, partition: PartitionId): { readonly machine: Machine; readonly row: Row }[] {
    return this.world.machines.flatMap((machine) => {
      if (machine.isLost) return [];
      const row = machine.disk.find(partition)?.rows.get(key.name.key);
      return row === undefined ? [] : [{ machine, row }];
    });
  }

  /** A read by majority, or by default and not degraded, that began at `since`. */
  checkRead(reader: string, name: RecordName, read: StoredRecord | null, since: number): void {
    const key = this.#key(name);
    const got = read === null ? null : parseEtag(read.etag);
    for (const one of key.acked) {
      if (!one.isMajority || one.at > since || !this.#isBinding(one, reader)) continue;
      if (got !== null && compareRecords(got, one.stamp) >= 0) continue;
      if (got === null && (one.isDelete || this.#mayHaveEnded(one.expiry))) continue;
      if (got === null && one.expiry !== null && this.wasClockAhead) continue;
      if (got === null && this.#isOver(key, one.stamp)) continue;
      const what = got === null ? 'nothing' : formatEtag(got);
      const isBack = one.isDelete;
      const text = `${this.nameOf(reader)} read ${what} of ${name.key} after ${formatEtag(one.stamp)} was acknowledged by ${one.replicas.map((id) => this.nameOf(id)).join(', ')}`;
      this.violated(isBack ? 'I6' : 'I4', text);
      return;
    }
  }

  nameOf(id: string): string {
    return `n${this.world.machines.findIndex((machine) => machine.id === id)}`;
  }

  /**
   * Whether a read must know of a write: those that took it have been there, with their disks, for the reader and for each other, and no machine
   * began without knowing of them.
   */
  #isBinding({ replicas, at }: Acked, reader: string): boolean {
    const { now } = this.world;
    const ids = [...new Set([...replicas, reader])];
    if (replicas.some((id) => (this.#lostAt.get(id) ?? -Infinity) >= at) || this.#aloneAt >= at) return false;
    return ids.every((a) =>
      ids.every((b) => a === b || !this.reach.wereApart(a, b, at, DOWN_TIMEOUT_MS - SPLIT_MARGIN_MS, now)),
    );
  }

  /** A value is gone from a disk, or written over: is it anywhere else, where it has to be? */
  #checkKept(node: SimNode, key: Key, before: Row, after: Row | null, cause: RowChange['cause']): void {
    if (after !== null && after.kind !== KIND_FLOOR) return;
    const promised = this.promised(key);
    if (promised === null || compareRecords(before, promised.stamp) < 0) return;
    // a copy beside the replicas may end at any time
    if (!this.#mustKeep(node.machine, key) && !this.#wasReplica(node, key, before)) return;
    const name = this.nameOf(node.id);
    if (cause === 'drop') {
      this.#kept.delete(heldId(node, key));
      const without = this.#homesWithout(node, key, promised.stamp);
      const text = `${name} dropped ${key.name.key} (${formatEtag(promised.stamp)}) before ${without.join(', ')} had it`;
      if (without.length > 0) this.violated('I1', text);
      return;
    }
    if (Math.abs(node.machine.clockOffsetMs) > CLOCK_SKEW_MS) return;
    const text = `${name} ended ${key.name.key} (${formatEtag(promised.stamp)}) by ${cause} at ${this.world.now}, expiry ${promised.expiry}`;
    this.violated(cause === 'expire' ? 'I2' : 'I1', text);
  }

  /** The other replicas, as a node sees them, that lack what it drops. One whose disk was just lost may have had it. */
  #homesWithout(node: SimNode, key: Key, stamp: Stamp): string[] {
    const { machines, now } = this.world;
    const partition = node.partitions.of(key.name);
    const replicaSet = node.places.of(partition).replicas.filter(({ id }) => id !== node.id);
    const lacking = replicaSet.filter(({ id }) => {
      const row = machines
        .find((machine) => machine.id === id)
        ?.disk.find(partition)
        ?.rows.get(key.name.key);
      const isFresh = now - (this.#lostAt.get(id) ?? -Infinity) < LOSS_MS;
      return !isFresh && (row === undefined || compareRecords(row, stamp) < 0);
    });
    return replicaSet.length === 0 ? ['anybody'] : lacking.map(({ id }) => this.nameOf(id));
  }

  /** A replica of a chosen operator holds a value durably: soon for the life that its record says. */
  #look(node: SimNode, key: Key, { record, expiry }: Row): void {
    const id = heldId(node, key);
    const isHere = record !== null && node.isSponsor(key.name) && this.#isReplica(node, key);
    if (!isHere || expiry === record.expiry) this.#shortSince.delete(id);
    if (!isHere) return;
    if (expiry === record.expiry) {
      this.#kept.add(id);
      return;
    }
    const since = this.#shortSince.get(id) ?? this.world.now;
    this.#shortSince.set(id, since);
    if (this.world.now - since < LENGTHEN_MS) return;
    const name = this.nameOf(node.id);
    this.violated('I2', `${name} keeps ${key.name.key} until ${expiry}, not ${record.expiry}`);
  }

  /** Whether a sponsor that is a replica no more was one, and has kept a value for ever as such. */
  #wasReplica(node: SimNode, { name }: Key, { expiry }: Row): boolean {
    return expiry === null && node.isSponsor(name) && this.#isSynced(node, name);
  }

  /** Whether a node is a replica and has what the former ones had. */
  #isReplica(node: SimNode, { name }: Key): boolean {
    const partition = this.#partitions.of(name);
    // as a replica that was none in between, it has to be synced again
    const { isReplica = false } = node.machine.disk.find(partition)?.state ?? {};
    return isReplica === true && node.places.of(partition).isReplica && this.#isSynced(node, name);
  }

  #isSynced({ machine }: SimNode, name: RecordName): boolean {
    return machine.disk.find(this.#partitions.of(name))?.state?.['isSynced'] === true;
  }

  /** Whether a machine holds something durably: it is to keep it until it ends, and as long as its author said. */
  isDurableAt(machine: Machine, key: Key, { kind, expiry, record }: Row): boolean {
    if (isValueKind(kind) && expiry !== record?.expiry) return false;
    return this.#mustKeep(machine, key);
  }

  /** Whether it acknowledged something as a sponsor, or took over what others had so. */
  #mustKeep(machine: Machine, key: Key): boolean {
    if (this.promised(key)?.replicas.includes(machine.id) === true && !this.#lostAt.has(machine.id))
      return true;
    return this.#kept.has(heldId(machine, key));
  }

  #mayHaveEnded(expiry: number | null): boolean {
    return expiry !== null && this.world.now >= expiry - CLOCK_SKEW_MS;
  }

  #key(name: RecordName): Key {
    const id = `${name.owner} ${name.namespace} ${name.key}`;
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const { owner, namespace, key } = name;
    const made: Key = { name: { owner, namespace, key }, acked: [], seen: new Map() };
    this.#keys.set(id, made);
    return made;
  }
}
