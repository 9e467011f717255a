import { randomBytes } from 'node:crypto';
import { BlobBuilder } from '../../protocols/blobs/index.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { uploadGone } from './errors.ts';
import type { IntakeComponents } from './intake.ts';
import type { Upload, UploadOptions } from './interface.ts';
import { UPLOADS_MAX, UPLOADS_PER_NAMESPACE_MAX } from './limits.ts';
import type { Room } from './room.ts';
import { StoredUpload } from './upload.ts';

export interface UploadsComponents extends IntakeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly room: Room;
  readonly withRoom: <T>(take: () => T) => Promise<T>;
}

const UPLOAD_ID_BYTES = 16;
/** State of an upload that cannot be resumed: a restarted process ends it. */
const NO_STATE = new Uint8Array();

/** The uploads of one store: begins them, and knows which are being taken right now. */
export class Uploads {
  readonly #components: UploadsComponents;
  readonly #active = new Set<string>();

  /** Ends what a killed process was taking and nobody can go on with. */
  constructor(components: UploadsComponents) {
    this.#components = components;
    const { catalogue } = components;
    this.#end(catalogue.brokenUploads());
  }

  begin(namespaceId: Uint8Array, { isResumable = true }: UploadOptions): StoredUpload {
    const { catalogue } = this.#components;
    const { all, ofNamespace } = catalogue.uploadCounts(namespaceId);
    if (all >= UPLOADS_MAX || ofNamespace >= UPLOADS_PER_NAMESPACE_MAX) {
      throw new CodedError('overloaded', 'too many uploads are under way: finish or cancel some');
    }
    const id = randomBytes(UPLOAD_ID_BYTES).toString('base64url');
    const state = isResumable ? new BlobBuilder(this.#components).encodeState() : NO_STATE;
    catalogue.transaction(() => catalogue.beginUpload(id, namespaceId, state));
    return this.#open(namespaceId, id, { isResumable });
  }

  /** Throws `not_found`. */
  resume(namespaceId: Uint8Array, id: string): StoredUpload {
    return this.#open(namespaceId, id, { isResumable: true });
  }

  /** Ends those that nobody goes on with. How many. */
  endStale(before: number, emptyBefore: number): number {
    const stale = this.#components.catalogue.staleUploads(before, emptyBefore);
    return this.#end(stale.filter((id) => !this.#active.has(id)));
  }

  #end(ids: readonly string[]): number {
    const { catalogue } = this.#components;
    if (ids.length > 0) catalogue.transaction(() => ids.forEach((id) => catalogue.endUpload(id)));
    return ids.length;
  }

  #open(namespaceId: Uint8Array, id: string, init: { readonly isResumable: boolean }): StoredUpload {
    const row = this.#components.catalogue.upload(id, namespaceId);
    const isResumable = row !== null && (row.link !== null || row.state.byteLength > 0);
    if (row === null || isResumable !== init.isResumable) throw uploadGone();
    return new StoredUpload({ ...this.#components, active: this.#active }, { row, namespaceId });
  }
}

/** The interface of an upload for callers of the store: `run` wraps slow work. */
export function uploadOf(
  upload: StoredUpload,
  run: <T>(work: () => Promise<T>) => Promise<T>,
  within: (signal: AbortSignal) => AbortSignal,
  onCancel: (upload: StoredUpload) => Promise<void>,
): Upload {
  return {
    id: upload.id,
    get offset() {
      return upload.offset;
    },
    get link() {
      return upload.link;
    },
    complete: (source, signal, size) => run(() => upload.complete(source, within(signal), size)),
    append: (source, signal, size) => run(() => upload.append(source, within(signal), size)),
    finish: (source, signal, size) => run(() => upload.finish(source, within(signal), size)),
    cancel: () => onCancel(upload),
  };
}
