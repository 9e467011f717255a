import { type BlobLink, blockCountOf, dagBytesOf, heightOf, PROFILE } from '../../protocols/blobs/index.ts';
import type { BlockFiles } from './block-files.ts';
import type { BlobRow, Catalogue } from './catalogue.ts';
import { noRoom, type RoomReason } from './errors.ts';
import type { UnnotedBlocks } from './intake.ts';
import { BLOCK_OVERHEAD_BYTES, DISK_RESERVED_BYTES } from './limits.ts';

export interface RoomComponents {
  readonly files: BlockFiles;
  readonly catalogue: Catalogue;
  readonly unnoted: UnnotedBlocks;
}

export interface RoomInit {
  /** Most that blocks may take now. */
  readonly capacityBytes: () => number;
  /** Most that a namespace may refer to. */
  readonly quotaOf: (namespaceId: Uint8Array) => number;
}

/** Room that is kept for bytes that were announced and are on their way: others are refused before they take it. */
export interface Reservation {
  /** Null where the catalogue counts the whole blob for its namespace already. */
  readonly namespace: string | null;
  /** That the catalogue does not count for the namespace yet. */
  unnotedBytes: number;
  /** That did not come yet. */
  comingBytes: number;
}

/** Checks the space left. Each check throws `no_room` or `over_quota`, with what is left. */
export class Room {
  readonly #components: RoomComponents;
  readonly #init: RoomInit;
  /** One for each transfer that announced its size: bounded by the transfers that may run at once. */
  readonly #reservations = new Set<Reservation>();

  constructor(components: RoomComponents, init: RoomInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Checks the node's space for a block of so many bytes, which is among those not recorded yet. */
  check(bytes: number, own: Reservation | null = null): void {
    const taken = bytes + BLOCK_OVERHEAD_BYTES;
    const [capacity, disk] = [this.#capacityLeft(own) + taken, this.#diskLeft(own)];
    if (taken > capacity) this.#refuse('capacity', bytes, capacity);
    if (bytes > disk) this.#refuse('disk', bytes, disk);
  }

  /** Checks a namespace's quota for a blob: bytes that already count for it are not charged again. */
  checkShare(namespaceId: Uint8Array, { size }: BlobLink, there: BlobRow | null): void {
    const isCounted = there !== null && this.#components.catalogue.references.isCounted(namespaceId, there);
    const counted = isCounted ? there.size : 0;
    if (size > counted) this.checkQuota(namespaceId, size - counted);
  }

  checkQuota(namespaceId: Uint8Array, bytes: number, own: Reservation | null = null): void {
    const free = this.#quotaLeft(namespaceId, own);
    if (bytes > free) this.#refuse('quota', bytes, free);
  }

  /** A value of so many bytes, in its namespace and on this node. */
  checkValue(namespaceId: Uint8Array, bytes: number): void {
    this.checkQuota(namespaceId, bytes);
    this.#checkNode(bytes);
  }

  /** Keeps room for bytes that are about to come to `namespaceId`; null where that counts them already. */
  reserve(namespaceId: Uint8Array | null, bytes: number): Reservation {
    if (namespaceId !== null) this.checkQuota(namespaceId, bytes);
    this.#checkNode(bytes);
    const namespace = namespaceId === null ? null : keyOf(namespaceId);
    const reservation = { namespace, unnotedBytes: bytes, comingBytes: bytes };
    this.#reservations.add(reservation);
    return reservation;
  }

  release(reservation: Reservation | null): void {
    if (reservation !== null) this.#reservations.delete(reservation);
  }

  /** Bytes that this node may still take. */
  freeBytes(): number {
    return Math.max(0, Math.min(this.#capacityLeft(null), this.#diskLeft(null)));
  }

  #checkNode(bytes: number): void {
    const [capacity, disk] = [this.#capacityLeft(null), this.#diskLeft(null)];
    if (takenBy(bytes) > capacity) this.#refuse('capacity', bytes, capacity);
    if (bytes > disk) this.#refuse('disk', bytes, disk);
  }

  #capacityLeft(own: Reservation | null): number {
    const { catalogue, unnoted } = this.#components;
    const used = catalogue.totals().bytes + unnoted.bytes;
    return this.#init.capacityBytes() - used - takenBy(this.#coming(own));
  }

  #diskLeft(own: Reservation | null): number {
    return this.#components.files.freeBytes() - DISK_RESERVED_BYTES - this.#coming(own);
  }

  #quotaLeft(namespaceId: Uint8Array, own: Reservation | null): number {
    const counted = this.#components.catalogue.references.bytesOf(namespaceId);
    const key = keyOf(namespaceId);
    let reserved = 0;
    for (const one of this.#reservations) {
      if (one !== own && one.namespace === key) reserved += one.unnotedBytes;
    }
    return this.#init.quotaOf(namespaceId) - counted - reserved;
  }

  /** Bytes that are to come to others than `own`. */
  #coming(own: Reservation | null): number {
    let sum = 0;
    for (const one of this.#reservations) if (one !== own) sum += one.comingBytes;
    return sum;
  }

  #refuse(reason: RoomReason, wantedBytes: number, freeBytes: number): never {
    throw noRoom(reason, { wantedBytes, freeBytes: Math.max(0, freeBytes) });
  }
}

/** Capacity that a value of so many bytes takes when no part of it is here. */
function takenBy(size: number): number {
  if (size === 0) return 0;
  const tree = { height: heightOf(size, PROFILE), size };
  return dagBytesOf(tree, PROFILE) + blockCountOf(tree, PROFILE) * BLOCK_OVERHEAD_BYTES;
}

function keyOf(namespaceId: Uint8Array): string {
  return Buffer.from(namespaceId).toString('latin1');
}
