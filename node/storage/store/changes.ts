/** Changes of a batch to the items of partitions, as the writer reports them: numbers and bytes in one transferred buffer. */
import {
  DIGEST_BYTES,
  ITEM_ID_BYTES,
  itemIdOf,
  NAMESPACE_ID_BYTES,
  type PartitionId,
} from '../../../protocols/storage/index.ts';
import { createCrypto } from '../../runtime/crypto.ts';

export interface ItemChange extends PartitionId {
  /** An item that is there no more, one that is there now. Both null: nobody knows what has changed. */
  readonly gone: Uint8Array | null;
  readonly come: Uint8Array | null;
  /** Number of the row. */
  readonly row: number;
}

const PARTITION_AT = NAMESPACE_ID_BYTES;
const FLAGS_AT = PARTITION_AT + 1;
const GONE_AT = FLAGS_AT + 1;
const COME_AT = GONE_AT + ITEM_ID_BYTES;
const ROW_AT = COME_AT + ITEM_ID_BYTES;
const CHANGE_BYTES = ROW_AT + 8;
const GONE = 1;
const COME = 2;

/** Collects what one batch changes. */
export class ChangeLog {
  readonly #crypto = createCrypto();
  #bytes = new Uint8Array(CHANGE_BYTES * 16);
  #length = 0;

  /** Adds a change of one key: a version replaced, added or removed. */
  add(
    partition: PartitionId,
    key: Uint8Array,
    digests: { readonly gone: Uint8Array | null; readonly come: Uint8Array | null },
    row: number,
  ): void {
    const [gone, come] = [digests.gone, digests.come].map((digest) => {
      return digest?.byteLength === DIGEST_BYTES ? itemIdOf(this.#crypto, key, digest) : null;
    });
    this.#put({ ...partition, gone: gone ?? null, come: come ?? null, row });
  }

  /** Notes that an unreadable row was removed. */
  lose(partition: PartitionId): void {
    this.#put({ ...partition, gone: null, come: null, row: 0 });
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #put({ namespaceId, partition, gone, come, row }: ItemChange): void {
    if (this.#length === this.#bytes.byteLength) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const change = this.#bytes.subarray(this.#length, this.#length + CHANGE_BYTES);
    change.set(namespaceId);
    change[PARTITION_AT] = partition;
    change[FLAGS_AT] = (gone === null ? 0 : GONE) | (come === null ? 0 : COME);
    if (gone !== null) change.set(gone, GONE_AT);
    if (come !== null) change.set(come, COME_AT);
    new DataView(change.buffer, change.byteOffset).setFloat64(ROW_AT, row);
    this.#length += CHANGE_BYTES;
  }
}

export function* changesIn(bytes: Uint8Array): IterableIterator<ItemChange> {
  for (let at = 0; at < bytes.byteLength; at += CHANGE_BYTES) {
    const change = bytes.subarray(at, at + CHANGE_BYTES);
    const flags = change[FLAGS_AT] ?? 0;
    yield {
      namespaceId: change.subarray(0, PARTITION_AT),
      partition: change[PARTITION_AT] ?? 0,
      gone: (flags & GONE) === 0 ? null : change.subarray(GONE_AT, COME_AT),
      come: (flags & COME) === 0 ? null : change.subarray(COME_AT, ROW_AT),
      row: new DataView(change.buffer, change.byteOffset).getFloat64(ROW_AT),
    };
  }
}
