import { BlobBuilder, type BlobLink, chunksOf, PROFILE } from '../../protocols/blobs/index.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { UploadRow } from './catalogue.ts';
import { uploadGone } from './errors.ts';
import { Intake, type IntakeComponents } from './intake.ts';
import type { Reservation, Room } from './room.ts';

export interface UploadComponents extends IntakeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly room: Room;
  /** Does `take` once more after what was released is removed, where it finds no room. */
  readonly withRoom: <T>(take: () => T) => Promise<T>;
  /** Ids of the uploads that are being taken: these do not end by themselves. */
  readonly active: Set<string>;
}

export interface UploadInit {
  readonly row: UploadRow;
  readonly namespaceId: Uint8Array;
}

type Source = AsyncIterable<Uint8Array>;

/** An upload whose blocks and builder are noted together, every few chunks: a killed process goes on from the last note. */
export class StoredUpload {
  readonly #components: UploadComponents;
  readonly #row: UploadRow;
  readonly #namespaceId: Uint8Array;
  readonly #intake: Intake;
  #builder: BlobBuilder;
  #state: Uint8Array;
  #offset: number;
  #isBusy = false;
  /** Reserves the bytes that the current call announced. */
  #reservation: Reservation | null = null;

  constructor(components: UploadComponents, { row, namespaceId }: UploadInit) {
    this.#components = components;
    this.#row = row;
    this.#namespaceId = namespaceId;
    this.#state = row.state;
    this.#offset = row.link?.size ?? row.size;
    this.#builder = this.#savedBuilder();
    const checkRoom = (bytes: number): Promise<void> =>
      components.withRoom(() => components.room.check(bytes, this.#reservation));
    this.#intake = new Intake({ ...components, checkRoom }, { blob: row.blob });
  }

  get id(): string {
    return this.#row.id;
  }

  get offset(): number {
    return this.#offset;
  }

  append(source: Source, signal: AbortSignal, size?: number): Promise<void> {
    return this.#alone(size, () => this.#take(source, signal, null));
  }

  get link(): BlobLink | null {
    return this.#row.link;
  }

  finish(source: Source, signal: AbortSignal, size?: number): Promise<BlobLink> {
    return this.#alone(size, () => this.#end(source, signal, { isKept: false }));
  }

  complete(source: Source, signal: AbortSignal, size?: number): Promise<BlobLink> {
    return this.#alone(size, () => this.#end(source, signal, { isKept: true }));
  }

  async #end(source: Source, signal: AbortSignal, how: { readonly isKept: boolean }): Promise<BlobLink> {
    let last: Uint8Array | null = null;
    await this.#take(source, signal, (chunk) => {
      last = chunk;
    });
    if (last !== null) await this.#add(last);
    const { link, blocks } = this.#builder.finish();
    for (const block of blocks) await this.#intake.add(block);
    const { catalogue } = this.#components;
    await this.#intake.commit(() => catalogue.finishUpload({ ...this.#row, size: this.#offset }, link, how));
    return link;
  }

  /** Its blocks go with the next collection. */
  cancel(): void {
    const { catalogue } = this.#components;
    catalogue.transaction(() => catalogue.endUpload(this.#row.id));
  }

  get #isResumable(): boolean {
    return this.#row.state.byteLength > 0;
  }

  #savedBuilder(): BlobBuilder {
    return new BlobBuilder(this.#components, this.#state.byteLength > 0 ? { state: this.#state } : {});
  }

  /** Full chunks are taken; what is left of a chunk is for `onRest`, or for who sends it again. */
  async #take(
    source: Source,
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
    const bytes = this.#builder.size - this.#offset + chunk.byteLength;
    this.#components.room.checkQuota(this.#namespaceId, bytes, this.#reservation);
    for (const block of this.#builder.add(chunk)) await this.#intake.add(block);
    const reservation = this.#reservation;
    if (reservation !== null)
      reservation.comingBytes = Math.max(0, reservation.comingBytes - chunk.byteLength);
  }

  async #save(): Promise<void> {
    const { catalogue } = this.#components;
    const { size } = this.#builder;
    const state = this.#isResumable ? this.#builder.encodeState() : this.#state;
    await this.#intake.commit(() =>
      catalogue.saveUpload({ id: this.#row.id, size: this.#offset }, state, size),
    );
    const reservation = this.#reservation;
    if (reservation !== null)
      reservation.unnotedBytes = Math.max(0, reservation.unnotedBytes - (size - this.#offset));
    this.#offset = size;
    this.#state = state;
  }

  /** Records what it can, for a client that resumes; after a failure the builder returns to the last recorded state. */
  async #salvage(): Promise<void> {
    try {
      if (!this.#isResumable) return await this.#intake.abandon();
      await this.#save();
    } catch {
      await this.#intake.abandon();
      this.#builder = this.#savedBuilder();
    }
  }

  /** `size`: bytes that the source will give, where that is known. */
  async #alone<T>(size: number | undefined, work: () => Promise<T>): Promise<T> {
    const { room, active, withRoom } = this.#components;
    if (this.#isBusy) throw new Error('one caller at a time');
    if (this.#row.link !== null) throw uploadGone();
    this.#isBusy = true;
    active.add(this.id);
    try {
      if (size !== undefined) this.#reservation = await withRoom(() => room.reserve(this.#namespaceId, size));
      return await work();
    } catch (error) {
      await this.#salvage();
      throw error;
    } finally {
      this.#isBusy = false;
      active.delete(this.id);
      room.release(this.#reservation);
      this.#reservation = null;
    }
  }
}
