/** Blobs that are pinned in one namespace, by their CIDs. */
import { type Body, type DownloadOptions, download } from './download.ts';
import type { Durability, Written } from './kv.ts';
import { checkNamespaceText } from './names.ts';
import { putSource } from './put-source.ts';
import type { Source } from './sources.ts';
import { call, type TransportInit, urlOf } from './transport.ts';
import type { SendOptions } from './uploads.ts';

export interface PutBlobOptions extends SendOptions {
  /** Kept with it; `application/octet-stream` unless said. */
  readonly contentType?: string;
  /** Seconds, or a duration like `30m`, `1h30m`, `7d`; for ever when missing. */
  readonly ttl?: number | string;
  readonly durability?: Durability;
}

/** A blob, and the write that pins it. */
export interface PinnedBlob extends Written {
  readonly cid: string;
  readonly size: number;
}

export interface OpenBlob extends Body {
  readonly cid: string;
  readonly size: number;
  readonly contentType: string;
}

export interface BlobEntry {
  readonly cid: string;
  readonly size: number;
  /** Empty for `application/octet-stream`. */
  readonly contentType: string;
  readonly expiresAt: number | null;
}

export interface BlobPage {
  readonly blobs: readonly BlobEntry[];
  /** For the next page; null at the end. */
  readonly cursor: string | null;
}

/** Every method throws `ClientError`. */
export interface Blobs {
  readonly namespace: string;
  /** Goes on after a broken connection. */
  put(source: Source, options?: PutBlobOptions): Promise<PinnedBlob>;
  /** Null where it is not pinned here. A broken download resumes after reconnecting. */
  get(cid: string, options?: DownloadOptions): Promise<OpenBlob | null>;
  /** Unpins it. */
  delete(cid: string): Promise<Written>;
  list(options?: { readonly limit?: number; readonly cursor?: string }): Promise<BlobPage>;
}

export function createBlobs(init: TransportInit, namespace: string): Blobs {
  checkNamespaceText(namespace);
  const path = '/v1/blobs';
  const urlFor = (cid: string): URL => urlOf(init, `${path}/${encodeURIComponent(cid)}`, { namespace });
  return {
    namespace,
    put: async (source, options = {}) => {
      const { ttl, durability, contentType } = options;
      const query = { namespace, durability, ttl: ttl === undefined ? undefined : String(ttl) };
      return putSource<PinnedBlob>(init, { namespace, source, options }, (upload, body) =>
        call(init, urlOf(init, path, { ...query, upload }), {
          method: 'POST',
          headers: contentType === undefined ? {} : { 'content-type': contentType },
          body,
        }),
      );
    },
    get: async (cid, options) => {
      const found = await download(init, urlFor(cid), options);
      if (found === null) return null;
      const { headers, size, stream, bytes } = found;
      return { cid, size, contentType: headers.get('content-type') ?? '', stream, bytes };
    },
    delete: async (cid) => call(init, urlFor(cid), { method: 'DELETE' }),
    list: async ({ limit, cursor } = {}) => {
      const size = limit === undefined ? undefined : String(limit);
      return call(init, urlOf(init, path, { namespace, limit: size, cursor }));
    },
  };
}
