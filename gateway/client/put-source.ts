import { CHUNK_BYTES } from '../../protocols/common/blob-link.ts';
import { ClientError } from './errors.ts';
import { mayPass, TRIES_MAX, waitToRetry } from './retry.ts';
import { piecesOf, type Source } from './sources.ts';
import type { TransportInit } from './transport.ts';
import { createUploads, type SendOptions, sendPieces } from './uploads.ts';

export interface PutSource {
  readonly namespace: string;
  readonly source: Source;
  readonly options: SendOptions;
  /** Called before much is sent; throws where that would be for nothing. */
  readonly check?: () => Promise<void>;
}

/** Called with the bytes, or with the id of the upload that they came to. */
type Put<T> = (upload: string | undefined, body: Uint8Array<ArrayBuffer> | null) => Promise<T>;

/** Stores a source of whatever size: a small one at once, of a larger one each piece is sent again until it is there. */
export async function putSource<T>(
  init: TransportInit,
  { namespace, source, options, check }: PutSource,
  put: Put<T>,
): Promise<T> {
  const pieces = piecesOf(source, options.size);
  try {
    const first = await pieces.take(CHUNK_BYTES);
    if (first.isLast) return await put(undefined, first.bytes);
    await check?.();
    const uploads = createUploads(init, namespace);
    const { id } = await sendPieces(uploads, { pieces, first, options });
    try {
      return await makeValue(async () => put(id, null), options.signal);
    } catch (error) {
      await uploads.cancel(id).catch(() => undefined);
      throw error;
    }
  } finally {
    await pieces.cancel().catch(() => undefined);
  }
}

async function makeValue<T>(put: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await put();
    } catch (error) {
      if (tries > 0 && error instanceof ClientError && error.code === 'not_found') {
        throw new ClientError(
          'outcome_unknown',
          0,
          'the answer was lost: read it to see whether it is stored',
          {
            cause: error,
          },
        );
      }
      if (!mayPass(error) || tries === TRIES_MAX) throw error;
      await waitToRetry(tries, signal);
    }
  }
}
