import { setImmediate as turn } from 'node:timers/promises';
import {
  type BlobLink,
  type BlobMetrics,
  BlobReader,
  type ByteRange,
  cidText,
  createBlobMetrics,
  type GetBlock,
} from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Stamp } from '../../protocols/storage/index.ts';
import { openOrReplace, sizeOf } from '../disk/database.ts';
import type { Logger } from '../observability/logger.ts';
import { BlockFiles } from './block-files.ts';
import { sealerOf } from './block-sealer.ts';
import { Catalogue } from './catalogue.ts';
import type { Collections } from './collections.ts';
import { CATALOGUE, cataloguePath } from './database.ts';
import { checkSize, closedError, isRefusedForGood, notFound } from './errors.ts';
import { fetchWithRoom } from './fetch.ts';
import { Garbage } from './garbage.ts';
import { UnnotedBlocks } from './intake.ts';
import type {
  BlobInfo,
  BlobStore,
  BlobStoreMetrics,
  BlobUsage,
  CollectReach,
  CollectReport,
  FetchOptions,
  Reference,
  ScrubOptions,
  ScrubReport,
  Upload,
  UploadOptions,
} from './interface.ts';
import { UNREFERENCED_GRACE_MS, UPLOAD_LIFE_MS, VACUUM_PAGES } from './limits.ts';
import { Room, type RoomInit } from './room.ts';
import { scrubBlocks } from './scrubber.ts';
import type { StoredUpload } from './upload.ts';
import { Uploads, uploadOf } from './uploads.ts';

export interface BlobStoreComponents {
  readonly clock: Clock;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly logger: Logger;
  readonly metrics: BlobStoreMetrics;
  readonly collections: Collections;
}

export interface BlobStoreInit extends RoomInit {
  readonly directory: string;
  /** Key file that also seals records. */
  readonly keyPath: string;
  /** How long an upload waits for whoever goes on with it. */
  readonly uploadLifeMs?: number;
  readonly graceMs?: number;
}

/** Opens the store in `directory`, which it creates when missing. Throws `bad_storage_key`, `storage_version`. */
export function openBlobStore(components: BlobStoreComponents, init: BlobStoreInit): BlobStore {
  return new FileBlobStore(components, init);
}

class FileBlobStore implements BlobStore {
  readonly metrics: BlobStoreMetrics;
  readonly #components: BlobStoreComponents;
  readonly #init: BlobStoreInit;
  readonly #files: BlockFiles;
  readonly #catalogue: Catalogue;
  readonly #room: Room;
  readonly #uploads: Uploads;
  readonly #garbage: Garbage;
  readonly #unnoted = new UnnotedBlocks();
  readonly #protocolMetrics: BlobMetrics = createBlobMetrics();
  readonly #closing = new AbortController();
  readonly #openedAt: number;
  /** Work that must end before the catalogue is closed. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closed: Promise<void> | null = null;

  constructor(components: BlobStoreComponents, init: BlobStoreInit) {
    this.#components = components;
    this.metrics = components.metrics;
    this.#init = init;
    this.#openedAt = components.clock.now();
    const { database, damage } = openOrReplace(cataloguePath(init.directory), CATALOGUE);
    this.#catalogue = new Catalogue({ database, clock: components.clock });
    this.#files = new BlockFiles(
      { crypto: components.crypto, sealer: sealerOf(init.keyPath, this.#catalogue) },
      { directory: init.directory },
    );
    this.#room = new Room({ files: this.#files, catalogue: this.#catalogue, unnoted: this.#unnoted }, init);
    this.#garbage = this.#makeGarbage();
    const { withRoom } = this.#garbage;
    this.#uploads = new Uploads({ ...this.#intakeComponents(), room: this.#room, withRoom });
    if (damage !== null) {
      this.metrics.resets += 1;
      components.logger.error({ ...damage }, 'the catalogue of blobs was damaged and set aside');
    }
  }

  begin(namespaceId: Uint8Array, options: UploadOptions = {}): Upload {
    this.#checkOpen();
    return this.#upload(this.#uploads.begin(namespaceId, options));
  }

  makeRoom(namespaceId: Uint8Array, bytes: number): Promise<void> {
    return this.#run(() => this.#garbage.withRoom(() => this.#room.checkValue(namespaceId, bytes)));
  }

  resume(namespaceId: Uint8Array, id: string): Upload {
    this.#checkOpen();
    return this.#upload(this.#uploads.resume(namespaceId, id));
  }

  stat(cid: Uint8Array): BlobInfo | null {
    this.#checkOpen();
    return this.#catalogue.blob(cid);
  }

  has(cids: readonly Uint8Array[]): boolean[] {
    this.#checkOpen();
    return cids.map((cid) => this.#catalogue.block(cid)?.isBroken === false);
  }

  async block(cid: Uint8Array): Promise<Uint8Array> {
    this.#checkOpen();
    if (this.#catalogue.block(cid) === null) throw notFound(`block ${cidText(cid)} is not here`);
    return this.#read(cid);
  }

  async *read(
    link: BlobLink,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#checkOpen();
    if (this.#catalogue.blob(link.cid)?.isComplete !== true) {
      throw notFound(`blob ${cidText(link.cid)} is not here`);
    }
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const reader = new BlobReader(
      {
        crypto: this.#components.crypto,
        metrics: this.#protocolMetrics,
        getBlock: ({ cid }) => this.#read(cid),
      },
      { isHashed: true },
    );
    yield* reader.read(link, range, either);
  }

  fetch(link: BlobLink, options: FetchOptions): Promise<void> {
    return this.#run(async () => {
      const there = this.#catalogue.blob(link.cid);
      if (there?.isComplete === true) return checkSize(there, link);
      const signal = AbortSignal.any([options.signal, this.#closing.signal]);
      const getBlock: GetBlock = async (ref, until) => {
        return (await this.#unnotedBytes(ref.cid)) ?? options.getBlock(ref, until);
      };
      const components = { ...this.#intakeComponents(), room: this.#room, garbage: this.#garbage };
      await fetchWithRoom(components, { link, there }, { ...options, getBlock, signal });
    });
  }

  hold(reference: Reference, cid: Uint8Array): void {
    this.#checkOpen();
    const catalogue = this.#catalogue;
    catalogue.durably(() => {
      const blob = catalogue.blob(cid);
      if (blob?.isComplete !== true) throw notFound(`blob ${cidText(cid)} is not here`);
      const { namespaceId } = reference;
      this.#room.checkShare(namespaceId, blob, blob);
      catalogue.references.add(reference, blob);
    });
  }

  want(reference: Reference, link: BlobLink): void {
    this.#checkOpen();
    const catalogue = this.#catalogue;
    catalogue.durably(() => {
      const { namespaceId } = reference;
      this.#room.checkShare(namespaceId, link, catalogue.blob(link.cid));
      catalogue.references.add(reference, catalogue.openBlob(link, namespaceId));
    });
  }

  wanted(limit: number) {
    this.#checkOpen();
    return this.#catalogue.references.wanted(limit);
  }

  lacking(namespaceId: Uint8Array, limit: number) {
    this.#checkOpen();
    return this.#catalogue.references.lacking(namespaceId, limit);
  }

  retain(cid: Uint8Array): () => Promise<void> {
    this.#checkOpen();
    return this.#garbage.retain(cid);
  }

  stampsOf(namespaceId: Uint8Array, key: string): readonly Stamp[] {
    this.#checkOpen();
    return this.#catalogue.references.stampsOf(namespaceId, key);
  }

  release(reference: Reference): boolean {
    this.#checkOpen();
    return this.#catalogue.transaction(() => this.#catalogue.references.remove(reference));
  }

  references({ after, before, limit }: Parameters<BlobStore['references']>[0]) {
    this.#checkOpen();
    return this.#catalogue.references.list(after, before, limit);
  }

  sharesOf(block: Uint8Array, limit: number) {
    this.#checkOpen();
    return this.#catalogue.search.sharesOf(block, limit);
  }

  referencesOf(...call: Parameters<BlobStore['referencesOf']>) {
    this.#checkOpen();
    return this.#catalogue.search.referencesOf(...call);
  }

  roots(query: Parameters<BlobStore['roots']>[0]) {
    this.#checkOpen();
    return this.#catalogue.search.roots(query);
  }

  collect(reach: CollectReach = 'files'): Promise<CollectReport> {
    return this.#run(() => this.#garbage.collect(reach));
  }

  scrub(options: ScrubOptions): Promise<ScrubReport> {
    return this.#run(() => {
      const signal = AbortSignal.any([options.signal, this.#closing.signal]);
      const read = (cid: Uint8Array): Promise<Uint8Array> => this.#read(cid);
      return scrubBlocks({ catalogue: this.#catalogue, metrics: this.metrics, read }, { ...options, signal });
    });
  }

  compact(signal: AbortSignal): Promise<number> {
    return this.#run(async () => {
      const before = sizeOf(this.cataloguePath);
      for (let pages = VACUUM_PAGES; pages > 0; ) {
        AbortSignal.any([signal, this.#closing.signal]).throwIfAborted();
        pages = this.#catalogue.vacuum(VACUUM_PAGES);
        await turn();
      }
      this.#catalogue.checkpoint();
      return Math.max(0, before - sizeOf(this.cataloguePath));
    });
  }

  brokenCount(): number {
    this.#checkOpen();
    return this.#catalogue.brokenCount();
  }

  get cataloguePath(): string {
    return cataloguePath(this.#init.directory);
  }

  get usedBytes(): number {
    return this.#catalogue.totals().bytes;
  }

  namespaceBytes(namespaceId: Uint8Array): number {
    return this.#catalogue.references.bytesOf(namespaceId);
  }

  readonly usage = (): BlobUsage => {
    return {
      ...this.#catalogue.totals(),
      freeBytes: this.#files.freeBytes(),
      availableBytes: this.#room.freeBytes(),
      uploads: this.#catalogue.uploadTotals(),
    };
  };

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError());
    await Promise.allSettled(this.#underWay);
    this.#catalogue.close();
  }

  #makeGarbage(): Garbage {
    const { clock, logger, collections } = this.#components;
    const { graceMs = UNREFERENCED_GRACE_MS, uploadLifeMs = UPLOAD_LIFE_MS } = this.#init;
    return new Garbage(
      {
        clock,
        logger,
        collections,
        files: this.#files,
        catalogue: this.#catalogue,
        endStale: (...times) => this.#uploads.endStale(...times),
        metrics: this.metrics,
        signal: this.#closing.signal,
      },
      { graceMs, uploadLifeMs, openedAt: this.#openedAt },
    );
  }

  #upload(upload: StoredUpload): Upload {
    const run = <T>(work: () => Promise<T>): Promise<T> => this.#run(work);
    const within = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, this.#closing.signal]);
    return uploadOf(upload, run, within, async ({ link }) => {
      // in a store that is closed it ends with the next start, or with its life
      if (this.#closed !== null) return;
      upload.cancel();
      if (link === null) await this.#garbage.collectEnded();
      else await this.#garbage.dismiss(link.cid);
    });
  }

  #intakeComponents() {
    return {
      files: this.#files,
      catalogue: this.#catalogue,
      metrics: this.metrics,
      unnoted: this.#unnoted,
      crypto: this.#components.crypto,
      read: (cid: Uint8Array): Promise<Uint8Array> => this.#read(cid),
      protocolMetrics: this.#protocolMetrics,
      checkRoom: (bytes: number): Promise<void> => this.#garbage.withRoom(() => this.#room.check(bytes)),
    };
  }

  /** A block whose file is here although the catalogue, which may be new, does not know it. */
  async #unnotedBytes(cid: Uint8Array): Promise<Uint8Array | null> {
    if (this.#catalogue.block(cid) !== null || !this.#files.exists(cid)) return null;
    return this.#files.read(cid).catch(() => null);
  }

  /** A block that does not read counts as missing from now on. */
  async #read(cid: Uint8Array): Promise<Uint8Array> {
    try {
      const bytes = await this.#files.read(cid);
      this.metrics.blocksRead += 1;
      return bytes;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'corrupt') this.#noteBroken(cid);
      throw error;
    }
  }

  #noteBroken(cid: Uint8Array): void {
    const row = this.#closed === null ? this.#catalogue.block(cid) : null;
    if (row === null || row.isBroken) return;
    this.metrics.corruptions += 1;
    this.#components.logger.error({ cid: cidText(cid) }, 'a block on this disk is not what was written');
    try {
      this.#catalogue.transaction(() => this.#catalogue.markBroken(cid));
    } catch {
      // on a full disk it cannot be noted: the next read finds it again
    }
  }

  #checkOpen(): void {
    if (this.#closed !== null) throw closedError();
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const done = work();
    this.#underWay.add(done);
    try {
      return await done;
    } catch (error) {
      if (isRefusedForGood(error)) this.metrics.refusals += 1;
      throw error;
    } finally {
      this.#underWay.delete(done);
    }
  }
}
