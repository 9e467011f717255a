import { equalBytes } from '../../protocols/common/bytes.ts';
import type { BlockFiles } from './block-files.ts';
import type { Catalogue, WrittenBlock } from './catalogue.ts';
import { partLost } from './errors.ts';
import type { BlobStoreMetrics } from './interface.ts';
import { BATCH_BLOCKS, BLOCK_OVERHEAD_BYTES, WRITES_AT_ONCE } from './limits.ts';

export interface IntakeComponents {
  readonly files: BlockFiles;
  readonly catalogue: Catalogue;
  readonly metrics: BlobStoreMetrics;
  readonly unnoted: UnnotedBlocks;
  /** Rejects where there is no room for a block of so many bytes, which `unnoted` counts already. */
  readonly checkRoom: (bytes: number) => Promise<void>;
}

/** Blocks whose files are written and that the catalogue does not know yet: as many as batches under way hold. */
export class UnnotedBlocks {
  readonly #known = new Map<string, { count: number; readonly bytes: number }>();
  #bytes = 0;

  /** That they take of the capacity. */
  get bytes(): number {
    return this.#bytes;
  }

  enter({ cid, bytes }: WrittenBlock): void {
    const known = this.#known.get(keyOf(cid));
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    const taken = bytes + BLOCK_OVERHEAD_BYTES;
    this.#known.set(keyOf(cid), { count: 1, bytes: taken });
    this.#bytes += taken;
  }

  /** Whether nobody else is about to note it. */
  leave(cid: Uint8Array): boolean {
    const known = this.#known.get(keyOf(cid));
    if (known !== undefined && known.count > 1) {
      known.count -= 1;
      return false;
    }
    this.#known.delete(keyOf(cid));
    this.#bytes -= known?.bytes ?? 0;
    return true;
  }
}

function keyOf(cid: Uint8Array): string {
  return Buffer.from(cid).toString('latin1');
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
    const written = { cid: block.cid, bytes: block.bytes.byteLength };
    this.#batch.push(written);
    this.#components.unnoted.enter(written);
    const writing = this.#write(block).catch((error: unknown) => {
      this.#fault ??= { error };
    });
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
    const { files, catalogue, unnoted } = this.#components;
    const batch = this.#batch;
    await files.sync(batch.map(({ cid }) => cid));
    catalogue.transaction(() => {
      // collection may have taken one for what was there before under its name
      if (!batch.every(({ cid }) => files.exists(cid))) throw partLost();
      catalogue.addBlocks(this.#blob, batch);
      also();
      catalogue.touch(this.#blob);
    });
    for (const { cid } of batch) unnoted.leave(cid);
    this.#batch = [];
  }

  /** Forgets what was added and not noted, and removes its files where nobody else is about to note them. */
  async abandon(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#underWay = [];
    const { files, catalogue, unnoted } = this.#components;
    for (const { cid } of this.#batch) {
      if (unnoted.leave(cid) && catalogue.block(cid) === null) files.remove(cid);
    }
    this.#batch = [];
    this.#fault = null;
  }

  async #write({ cid, bytes }: { readonly cid: Uint8Array; readonly bytes: Uint8Array }): Promise<void> {
    const { files, catalogue, metrics, checkRoom } = this.#components;
    if (catalogue.block(cid) === null) await checkRoom(bytes.byteLength);
    await files.write(cid, bytes);
    metrics.blocksWritten += 1;
    metrics.bytesWritten += bytes.byteLength;
  }

  /** One that was not written is not noted, and nothing that came with it: whoever counts on all of them would be wrong. */
  #check(): void {
    if (this.#fault !== null) throw this.#fault.error;
  }
}
