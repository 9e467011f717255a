import {
  type BlobLink,
  BlobReader,
  type BlockRef,
  cidText,
  createBlobMetrics,
  rootOf,
} from '../../../protocols/blobs/index.ts';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { type CarBlock, encodeCarBlock, encodeCarHeader } from '../../../protocols/common/car.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  blobOf,
  type PartitionId,
  type Partitions,
  type SignedRecord,
} from '../../../protocols/storage/index.ts';
import type { BlobStore } from '../../blobs/interface.ts';
import type { PartitionSummary, RecordStore } from '../store/interface.ts';
import { cborBlock, encodePage, encodeRoot, UNKNOWN_ROOT } from './archive-codec.ts';
import type { ExportOptions } from './interface.ts';
import { PAGE_RECORDS, REMEMBERED_BLOBS } from './limits.ts';
import { keyPagesIn, partitionsIn } from './walk.ts';

export interface ExporterComponents {
  readonly store: RecordStore;
  readonly blobs: () => Pick<BlobStore, 'stat' | 'block'> | null;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly partitions: Partitions;
}

export interface ExporterInit extends ExportOptions {
  readonly swarm: string;
}

/** Makes an archive of what this node holds: each record, then the blob that it refers to; what is in it is listed at the end. */
export class Exporter {
  readonly #components: ExporterComponents;
  readonly #init: ExporterInit;
  readonly #pages: Uint8Array[] = [];
  /** Blobs that are in it: most of those that several records refer to come twice in a short time. */
  readonly #written = new Set<string>();
  #page: { records: Uint8Array[]; blobs: Uint8Array[] } = { records: [], blobs: [] };
  #counts = { records: 0, blobs: 0, bytes: 0, missing: 0 };

  constructor(components: ExporterComponents, init: ExporterInit) {
    this.#components = components;
    this.#init = init;
  }

  async *run(): AsyncGenerator<Uint8Array, void, undefined> {
    const { store, clock, crypto, partitions } = this.#components;
    const { swarm, namespace, signal } = this.#init;
    const at = clock.now();
    yield encodeCarHeader(UNKNOWN_ROOT);
    const only = namespace === undefined ? null : partitions.namespaceId(namespace);
    for (const partition of partitionsIn(store, signal)) {
      if (only === null || equalBytes(only, partition.namespaceId)) yield* this.#partition(partition, at);
    }
    yield* this.#endPage();
    const names = namespace === undefined ? null : ([namespace.owner, namespace.namespace] as const);
    const root = { ...this.#counts, swarm, at, namespace: names, pages: this.#pages };
    yield encodeCarBlock(cborBlock(crypto, encodeRoot(root)));
  }

  async *#partition(partition: PartitionSummary, now: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (const keys of keyPagesIn(this.#components.store, partition, now, this.#init.signal)) {
      for (const key of keys) {
        const record = this.#read(partition, key, now);
        if (record !== null) yield* this.#record(record);
      }
    }
  }

  /** Null where it is gone meanwhile, or does not read: others have it. */
  #read(partition: PartitionId, key: string, now: number): SignedRecord | null {
    try {
      const held = this.#components.store.get(partition, key, now);
      return held !== null && 'record' in held ? held.record : null;
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'corrupt') throw error;
      this.#counts.missing += 1;
      return null;
    }
  }

  async *#record(record: SignedRecord): AsyncGenerator<Uint8Array, void, undefined> {
    const block = cborBlock(this.#components.crypto, record.bytes);
    yield* this.#block(block);
    this.#page.records.push(block.cid);
    this.#counts.records += 1;
    const link = blobOf(record);
    if (link !== null) yield* this.#blob(link);
    if (this.#page.records.length >= PAGE_RECORDS) yield* this.#endPage();
  }

  async *#blob(link: BlobLink): AsyncGenerator<Uint8Array, void, undefined> {
    const name = cidText(link.cid);
    if (this.#written.has(name)) return;
    const store = this.#components.blobs();
    if (store?.stat(link.cid)?.isComplete !== true) {
      this.#counts.missing += 1;
      return;
    }
    const reader = new BlobReader(
      {
        crypto: this.#components.crypto,
        metrics: createBlobMetrics(),
        getBlock: ({ cid }) => store.block(cid),
      },
      { isHashed: true },
    );
    try {
      yield* this.#subtree(reader, rootOf(link));
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'corrupt') throw error;
      this.#counts.missing += 1;
      return;
    }
    if (this.#written.size >= REMEMBERED_BLOBS) this.#written.clear();
    this.#written.add(name);
    this.#page.blobs.push(link.cid);
    this.#counts.blobs += 1;
  }

  /** In the order in which a reader asks for them: a node, then what is under it. */
  async *#subtree(reader: BlobReader, ref: BlockRef): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = await reader.get(ref, this.#init.signal);
    yield* this.#block({ cid: ref.cid, bytes });
    if (ref.height === 0) return;
    for (const child of reader.children(ref, bytes)) yield* this.#subtree(reader, child);
  }

  *#block(block: CarBlock): Generator<Uint8Array, void, undefined> {
    this.#counts.bytes += block.bytes.byteLength;
    yield encodeCarBlock(block);
  }

  *#endPage(): Generator<Uint8Array, void, undefined> {
    if (this.#page.records.length === 0) return;
    const block = cborBlock(this.#components.crypto, encodePage(this.#page));
    this.#pages.push(block.cid);
    this.#page = { records: [], blobs: [] };
    yield encodeCarBlock(block);
  }
}
