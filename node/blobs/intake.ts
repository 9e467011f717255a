import { equalBytes } from '../../protocols/common/bytes.ts';
import type { BlockFiles } from './block-files.ts';
import type { Catalogue, WrittenBlock } from './catalogue.ts';
import { partLost } from './errors.ts';
import type { BlobStoreMetrics } from './interface.ts';
import { BATCH_BLOCKS, WRITES_AT_ONCE } from './limits.ts';

export interface IntakeComponents {
  readonly files: BlockFiles;
  readonly catalogue: Catalogue;
  readonly metrics: BlobStoreMetrics;
  /** Throws where there is no room for so many bytes more. */
  readonly checkRoom: (bytes: number) => void;
}

/**
 * Takes the blocks of one blob: writes them as they come, a few at once, and notes them together, once their files and names are on
 * disk. So what is noted is there after any crash.
 */
export class Intake {
  readonly #components: IntakeComponents;
  readonly #blob: number;
  #batch: WrittenBlock[] = [];
  #underWay: Promise<void>[] = [];
  /** Why a block of the batch was not written. */
  #fault: { readonly error: unknown } | null = null;

  constructor(components: IntakeComponents, { blob }: { readonly blob: number }) {
    this.#components = components;
    this.#blob = blob;
  }

  /** Whether the batch is to be noted now. */
  get isFull(): boolean {
    return this.#batch.length >= BATCH_BLOCKS;
  }

  /** Resolves when there is room for the next one; a fault of this one may show at a later call. */
  async add(block: { readonly cid: Uint8Array; readonly bytes: Uint8Array }): Promise<void> {
    if (this.#batch.some(({ cid }) => equalBytes(cid, block.cid)) || this.has(block.cid)) return;
    if (this.#underWay.length >= WRITES_AT_ONCE) await this.#underWay.shift();
    const writing = this.#write(block).catch((error: unknown) => {
      this.#fault ??= { error };
    });
    this.#batch.push({ cid: block.cid, bytes: block.bytes.byteLength });
    this.#underWay.push(writing);
    this.#check();
  }

  /** Whether a block is here already; then it is a part of this blob at once, so that nobody collects it meanwhile. */
  has(cid: Uint8Array): boolean {
    const { files, catalogue } = this.#components;
    const there = catalogue.block(cid);
    // a row whose file is gone is of a collection that was killed
    if (there === null || there.isBroken || !files.exists(cid)) return false;
    catalogue.linkBlock(this.#blob, there.id);
    return true;
  }

  /** Notes what was added, with what `also` notes, in one transaction. */
  async commit(also: () => void = () => undefined): Promise<void> {
    await Promise.all(this.#underWay);
    this.#underWay = [];
    this.#check();
    const { files, catalogue } = this.#components;
    const batch = this.#batch;
    await files.sync(batch.map(({ cid }) => cid));
    catalogue.transaction(() => {
      // collection may have taken one for what was there before under its name
      if (!batch.every(({ cid }) => files.exists(cid))) throw partLost();
      catalogue.addBlocks(this.#blob, batch);
      catalogue.touch(this.#blob);
      also();
    });
    this.#batch = [];
  }

  /** Forgets what was added and not noted; its files stay, for whoever tries again, or for collection. */
  async abandon(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#underWay = [];
    this.#batch = [];
    this.#fault = null;
  }

  async #write({ cid, bytes }: { readonly cid: Uint8Array; readonly bytes: Uint8Array }): Promise<void> {
    const { files, catalogue, metrics, checkRoom } = this.#components;
    if (catalogue.block(cid) === null) checkRoom(bytes.byteLength);
    await files.write(cid, bytes);
    metrics.blocksWritten += 1;
    metrics.bytesWritten += bytes.byteLength;
  }

  /** One that was not written is not noted, and nothing that came with it: whoever counts on all of them would be wrong. */
  #check(): void {
    if (this.#fault !== null) throw this.#fault.error;
  }
}
