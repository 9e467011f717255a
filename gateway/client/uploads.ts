/** Uploads that go on after a broken connection: in pieces, each of which is sent again until it is there. */
import { CHUNK_BYTES } from '../../protocols/common/blob-link.ts';
import { ClientError, errorFrom } from './errors.ts';
import { checkNamespaceText } from './names.ts';
import { mayPass, TRIES_MAX, waitToRetry } from './retry.ts';
import { type Piece, type Pieces, piecesOf, type Source } from './sources.ts';
import { call, send, type TransportInit, urlOf } from './transport.ts';

/** A gateway keeps whole chunks at least: a piece has one, or several. */
const PIECE_MAX_BYTES = 16 * CHUNK_BYTES;
/** A piece that takes longer is given up: what came of it counts. */
const PIECE_TIMEOUT_MS = 60_000;
/** One that is there sooner lets the next be larger. */
const QUICK_MS = 4_000;
/** Version of draft-ietf-httpbis-resumable-upload. */
const INTEROP_VERSION = '8';

/** An upload as the gateway has it. */
export interface UploadState {
  readonly id: string;
  /** Bytes that are kept. */
  readonly offset: number;
  readonly complete: boolean;
  /** Once it is complete. */
  readonly cid: string | null;
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** Bytes that a stream will give, where they are known: what cannot fit is refused before they are sent. */
  readonly size?: number;
  /** Called with the bytes that are kept, of so many as are known to come. */
  readonly onProgress?: (bytes: number, size: number | null) => void;
}

/** Uploads of one namespace. Every method throws `ClientError`. */
export interface Uploads {
  readonly namespace: string;
  /** `size`: bytes of the whole, where they are known. Throws `over_quota`, `no_room` where these cannot fit. */
  begin(options?: { readonly size?: number | null }): Promise<UploadState>;
  state(id: string): Promise<UploadState>;
  /**
   * Sends a source to its end, and goes on whenever the connection is back. The finished upload becomes a value with `kv.put` or
   * `blobs.put`.
   */
  send(source: Source, options?: SendOptions): Promise<UploadState>;
  cancel(id: string): Promise<void>;
}

export function createUploads(init: TransportInit, namespace: string): Uploads & Patching {
  checkNamespaceText(namespace);
  const urlFor = (id: string): URL => urlOf(init, `/v1/uploads/${encodeURIComponent(id)}`, { namespace });
  const uploads: Uploads & Patching = {
    namespace,
    begin: async ({ size = null } = {}) =>
      call(init, urlOf(init, '/v1/uploads', { namespace }), {
        method: 'POST',
        headers: size === null ? {} : { 'upload-length': String(size) },
      }),
    state: async (id) => call(init, urlFor(id)),
    cancel: async (id) => {
      const response = await send(init, urlFor(id), { method: 'DELETE' });
      if (!response.ok) throw errorFrom(await response.json().catch(() => null), response.status);
    },
    patch: async (id, { offset, bytes, isLast }, signal) =>
      call(init, urlFor(id), {
        method: 'PATCH',
        headers: {
          'content-type': 'application/partial-upload',
          'upload-offset': String(offset),
          'upload-complete': isLast ? '?1' : '?0',
          'upload-draft-interop-version': INTEROP_VERSION,
        },
        body: bytes,
        signal,
      }),
    send: async (source, options = {}) => {
      const pieces = piecesOf(source, options.size);
      try {
        return await sendPieces(uploads, { pieces, first: await pieces.take(CHUNK_BYTES), options });
      } finally {
        await pieces.cancel().catch(() => undefined);
      }
    },
  };
  return uploads;
}

/** Internal to this client, whose code knows which bytes are sent again. */
export interface Patching {
  patch(id: string, part: Piece & { readonly offset: number }, signal: AbortSignal): Promise<UploadState>;
}

export interface SentPieces {
  readonly pieces: Pieces;
  readonly first: Piece;
  readonly options: SendOptions;
}

/** To the end. An upload that fails for good is given up. */
export async function sendPieces(
  uploads: Uploads & Patching,
  { pieces, first, options }: SentPieces,
): Promise<UploadState> {
  const { id } = await uploads.begin({ size: pieces.size });
  const sender = new PieceSender(uploads, { id, options });
  try {
    for (let piece = first; ; piece = await pieces.take(sender.pieceBytes)) {
      const state = await sender.send(piece);
      options.onProgress?.(state.offset, pieces.size);
      if (piece.isLast) return state;
    }
  } catch (error) {
    await uploads.cancel(id).catch(() => undefined);
    throw error;
  }
}

class PieceSender {
  readonly #uploads: Uploads & Patching;
  readonly #id: string;
  readonly #signal: AbortSignal | undefined;
  #offset = 0;
  #pieceBytes = CHUNK_BYTES;

  constructor(
    uploads: Uploads & Patching,
    { id, options }: { readonly id: string; readonly options: SendOptions },
  ) {
    this.#uploads = uploads;
    this.#id = id;
    this.#signal = options.signal;
  }

  /** Bytes of the next piece: as many as the client can send in some seconds. */
  get pieceBytes(): number {
    return this.#pieceBytes;
  }

  async send({ bytes, isLast }: Piece): Promise<UploadState> {
    const start = this.#offset;
    const end = start + bytes.byteLength;
    let at = start;
    for (let tries = 0; ; tries += 1) {
      this.#signal?.throwIfAborted();
      try {
        const state = await this.#patch({ offset: at, bytes: bytes.subarray(at - start), isLast });
        this.#offset = state.offset;
        return state;
      } catch (error) {
        const isElsewhere = error instanceof ClientError && error.code.startsWith('upload_');
        if ((!isElsewhere && !mayPass(error)) || tries === TRIES_MAX) throw error;
        this.#pieceBytes = CHUNK_BYTES;
        await waitToRetry(tries, this.#signal);
        const state = await this.#look();
        if (state === null) continue;
        // only the answer was lost
        if (state.offset === end && state.complete === isLast) {
          this.#offset = end;
          return state;
        }
        if (state.complete || state.offset < start || state.offset > end) throw error;
        if (state.offset > at) tries = 0;
        at = state.offset;
      }
    }
  }

  /** Null where that cannot be seen now. */
  async #look(): Promise<UploadState | null> {
    try {
      return await this.#uploads.state(this.#id);
    } catch (error) {
      if (mayPass(error)) return null;
      throw error;
    }
  }

  async #patch(part: Piece & { readonly offset: number }): Promise<UploadState> {
    const timeout = AbortSignal.timeout(PIECE_TIMEOUT_MS);
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([this.#signal, timeout]);
    const began = performance.now();
    const state = await this.#uploads.patch(this.#id, part, signal);
    if (performance.now() - began < QUICK_MS) {
      this.#pieceBytes = Math.min(2 * this.#pieceBytes, PIECE_MAX_BYTES);
    }
    return state;
  }
}
