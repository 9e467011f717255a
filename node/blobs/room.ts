import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { BlockFiles } from './block-files.ts';
import type { BlobRow, Catalogue } from './catalogue.ts';
import { noRoom } from './errors.ts';
import type { BlobStoreMetrics } from './interface.ts';
import { BLOCK_OVERHEAD_BYTES, DISK_RESERVED_BYTES } from './limits.ts';

export interface RoomComponents {
  readonly files: BlockFiles;
  readonly catalogue: Catalogue;
  readonly metrics: BlobStoreMetrics;
}

export interface RoomInit {
  /** Most that blocks may take now. */
  readonly capacityBytes: () => number;
  /** Most that a namespace may refer to. */
  readonly quotaOf: (namespaceId: Uint8Array) => number;
}

/** What may still come. Each check throws `no_room` with its reason. */
export class Room {
  readonly #components: RoomComponents;
  readonly #init: RoomInit;

  constructor(components: RoomComponents, init: RoomInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Of the node, for a block of so many bytes. */
  check(bytes: number): void {
    const { catalogue, files } = this.#components;
    const wanted = catalogue.totals().bytes + bytes + BLOCK_OVERHEAD_BYTES;
    if (wanted > this.#init.capacityBytes()) this.#refuse('capacity');
    if (files.freeBytes() < DISK_RESERVED_BYTES + bytes) this.#refuse('disk');
  }

  /** Of a namespace, for a blob: what it has already, or has coming, is counted. */
  checkShare(namespaceId: Uint8Array, { size }: BlobLink, there: BlobRow | null): void {
    const isCounted = there !== null && this.#components.catalogue.references.isCounted(namespaceId, there);
    const counted = isCounted ? there.size : 0;
    if (size > counted) this.checkQuota(namespaceId, size - counted);
  }

  checkQuota(namespaceId: Uint8Array, bytes: number): void {
    const wanted = this.#components.catalogue.references.bytesOf(namespaceId) + bytes;
    if (wanted > this.#init.quotaOf(namespaceId)) this.#refuse('quota');
  }

  #refuse(reason: 'capacity' | 'quota' | 'disk'): never {
    this.#components.metrics.refusals += 1;
    throw noRoom(reason);
  }
}
