import { BlobBuilder, type BlobLink, chunksOf, PROFILE } from '../../protocols/blobs/index.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { UploadRow } from './catalogue.ts';
import { uploadGone } from './errors.ts';
import { Intake, type IntakeComponents } from './intake.ts';
import type { Upload } from './interface.ts';

export interface UploadComponents extends IntakeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Throws where the namespace has no room for so many bytes more, or the store is closed. */
  readonly checkQuota: (bytes: number) => void;
}

/** An upload whose blocks and builder are noted together, every few chunks: a killed process goes on from the last note. */
export class StoredUpload implements Upload {
  readonly #components: UploadComponents;
  readonly #row: UploadRow;
  readonly #intake: Intake;
  #builder: BlobBuilder;
  #state: Uint8Array;
  #offset: number;
  #isBusy = false;

  constructor(components: UploadComponents, row: UploadRow) {
    this.#components = components;
    this.#row = row;
    this.#state = row.state;
    this.#offset = row.link?.size ?? row.size;
    this.#builder = new BlobBuilder(components, row.link === null ? { state: row.state } : {});
    this.#intake = new Intake(components, { blob: row.blob });
  }

  get id(): string {
    return this.#row.id;
  }

  get offset(): number {
    return this.#offset;
  }

  append(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    return this.#alone(() => this.#take(source, signal, null));
  }

  get link(): BlobLink | null {
    return this.#row.link;
  }

  finish(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<BlobLink> {
    return this.#end(source, signal, { isKept: false });
  }

  complete(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<BlobLink> {
    return this.#end(source, signal, { isKept: true });
  }

  #end(
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    how: { readonly isKept: boolean },
  ): Promise<BlobLink> {
    return this.#alone(async () => {
      let last: Uint8Array | null = null;
      await this.#take(source, signal, (chunk) => {
        last = chunk;
      });
      if (last !== null) await this.#add(last);
      const { link, blocks } = this.#builder.finish();
      for (const block of blocks) await this.#intake.add(block);
      const { catalogue } = this.#components;
      await this.#intake.commit(() =>
        catalogue.finishUpload({ ...this.#row, size: this.#offset }, link, how),
      );
      return link;
    });
  }

  cancel(): void {
    const { catalogue } = this.#components;
    catalogue.transaction(() => catalogue.endUpload(this.#row.id));
  }

  /** Full chunks are taken; what is left of a chunk is for `onRest`, or for who sends it again. */
  async #take(
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    onRest: ((chunk: Uint8Array) => void) | null,
  ): Promise<void> {
    for await (const chunk of chunksOf(source)) {
      signal.throwIfAborted();
      if (chunk.byteLength === PROFILE.chunkBytes) await this.#add(chunk);
      else onRest?.(chunk);
      if (this.#intake.isFull) await this.#save();
    }
    if (onRest === null) await this.#save();
  }

  async #add(chunk: Uint8Array): Promise<void> {
    this.#components.checkQuota(this.#builder.size - this.#offset + chunk.byteLength);
    for (const block of this.#builder.add(chunk)) await this.#intake.add(block);
  }

  async #save(): Promise<void> {
    const { catalogue } = this.#components;
    const { size } = this.#builder;
    const state = this.#builder.encodeState();
    await this.#intake.commit(() =>
      catalogue.saveUpload({ id: this.#row.id, size: this.#offset }, state, size),
    );
    this.#offset = size;
    this.#state = state;
  }

  /** What can still be noted is; the builder goes back to what is noted. */
  async #salvage(): Promise<void> {
    try {
      await this.#save();
    } catch {
      await this.#intake.abandon();
      this.#builder = new BlobBuilder(this.#components, { state: this.#state });
    }
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new Error('one caller at a time');
    if (this.#row.link !== null) throw uploadGone();
    this.#isBusy = true;
    try {
      return await work();
    } catch (error) {
      await this.#salvage();
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }
}
