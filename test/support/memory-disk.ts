import type {
  NamespaceTotals,
  PartitionPlace,
  PartitionState,
  PartitionSummary,
  StoredEntry,
} from '../../node/storage/store/interface.ts';
import { bytesKey } from '../../protocols/common/bytes.ts';
import {
  compareKeys,
  comparePartitions,
  FINGERPRINT_BYTES,
  type HeldKind,
  isValueKind,
  itemIdOf,
  type PartitionId,
  partitionKey,
  type SignedRecord,
} from '../../protocols/storage/index.ts';
import { crypto } from './store-records.ts';

/** Entry held under a key. */
export interface Row extends StoredEntry {
  readonly kind: HeldKind;
  /** Bytes of the capacity it uses. */
  readonly bytes: number;
  /** Null for a floor. */
  readonly record: SignedRecord | null;
}

export interface RowChange {
  readonly place: PartitionPlace;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly cause: 'put' | 'floor' | 'expire' | 'collect' | 'forget' | 'drop';
}

/** Contents of one partition. */
export class MemoryPartition {
  readonly place: PartitionPlace;
  readonly key: string;
  readonly rows = new Map<string, Row>();
  state: PartitionState | null = null;
  readonly #items = new Map<string, Row>();
  #sorted: Row[] | null = null;
  #summary: PartitionSummary | null = null;
  #numbers = 0;

  constructor({ owner, namespace, namespaceId, partition }: PartitionPlace) {
    this.place = { owner, namespace, namespaceId: Uint8Array.from(namespaceId), partition };
    this.key = partitionKey(this.place);
  }

  get summary(): PartitionSummary {
    if (this.#summary !== null) return this.#summary;
    const fingerprint = new Uint8Array(FINGERPRINT_BYTES);
    let bytes = 0;
    for (const row of this.rows.values()) {
      bytes += row.bytes;
      for (let i = 0; i < FINGERPRINT_BYTES; i++) {
        fingerprint[i] = (fingerprint[i] ?? 0) ^ (row.digest[i] ?? 0);
      }
    }
    this.#summary = { ...this.place, count: this.rows.size, bytes, fingerprint };
    return this.#summary;
  }

  /** In the order of keys. */
  sorted(): readonly Row[] {
    this.#sorted ??= [...this.rows.values()].toSorted((a, b) => compareKeys(a.key, b.key));
    return this.#sorted;
  }

  hasRow(isIt: (row: Row) => boolean): boolean {
    for (const row of this.rows.values()) if (isIt(row)) return true;
    return false;
  }

  byItem(id: Uint8Array): Row | undefined {
    return this.#items.get(bytesKey(id));
  }

  set(row: Row, before: Row | null): void {
    if (before !== null) this.#items.delete(itemKey(before));
    this.rows.set(row.key, row);
    this.#items.set(itemKey(row), row);
    this.#changed();
  }

  delete(row: Row): void {
    this.rows.delete(row.key);
    this.#items.delete(itemKey(row));
    this.#changed();
  }

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  #changed(): void {
    this.#sorted = null;
    this.#summary = null;
  }
}

function itemKey({ key, digest }: Row): string {
  return bytesKey(itemIdOf(crypto, Buffer.from(key), digest));
}

/** Contents of a node's disk: they outlive the store that writes to it. */
export class MemoryDisk {
  readonly #partitions = new Map<string, MemoryPartition>();
  /** Whether namespaces had a sponsor when something was put there last, by their ids. */
  readonly #sponsored = new Map<string, boolean>();

  get partitions(): Iterable<MemoryPartition> {
    return this.#partitions.values();
  }

  get usage(): { readonly bytes: number; readonly keys: number } {
    return total(this.#partitions.values());
  }

  get unsponsoredBytes(): number {
    return total([...this.partitions].filter(({ place }) => !this.isSponsored(place))).bytes;
  }

  find(partition: PartitionId): MemoryPartition | null {
    return this.#partitions.get(partitionKey(partition)) ?? null;
  }

  findOrAdd(place: PartitionPlace): MemoryPartition {
    const found = this.find(place);
    if (found !== null) return found;
    const added = new MemoryPartition(place);
    this.#partitions.set(added.key, added);
    const id = bytesKey(place.namespaceId);
    if (!this.#sponsored.has(id)) this.#sponsored.set(id, true);
    return added;
  }

  partitionsAfter(after: PartitionId | null): MemoryPartition[] {
    const all = [...this.#partitions.values()].toSorted((a, b) => comparePartitions(a.place, b.place));
    return after === null ? all : all.filter(({ place }) => comparePartitions(place, after) > 0);
  }

  totals(namespaceId: Uint8Array): NamespaceTotals | null {
    const id = bytesKey(namespaceId);
    const own = [...this.partitions].filter(({ place }) => bytesKey(place.namespaceId) === id);
    const [first] = own;
    if (first === undefined) return null;
    const { owner, namespace } = first.place;
    return { owner, namespace, ...total(own) };
  }

  drop({ key, place }: MemoryPartition): void {
    this.#partitions.delete(key);
    if (this.totals(place.namespaceId) === null) this.#sponsored.delete(bytesKey(place.namespaceId));
  }

  sponsor({ namespaceId }: PartitionPlace, isSponsored: boolean): void {
    this.#sponsored.set(bytesKey(namespaceId), isSponsored);
  }

  isSponsored({ namespaceId }: PartitionPlace): boolean {
    return this.#sponsored.get(bytesKey(namespaceId)) ?? true;
  }
}

function total(partitions: Iterable<MemoryPartition>): { bytes: number; keys: number } {
  let [bytes, keys] = [0, 0];
  for (const { rows } of partitions) {
    for (const row of rows.values()) {
      bytes += row.bytes;
      keys += isValueKind(row.kind) ? 1 : 0;
    }
  }
  return { bytes, keys };
}
