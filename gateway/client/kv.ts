/** Values under keys of one namespace. */
import { checkKey } from '../../protocols/storage/keys.ts';
import { parseEtag, recordCid } from '../../protocols/storage/version.ts';
import type { Where } from './answers.ts';
import { type Body, type DownloadOptions, download } from './download.ts';
import { ClientError, errorFrom } from './errors.ts';
import { checkNamespaceText, checkPart } from './names.ts';
import { putSource } from './put-source.ts';
import type { Source } from './sources.ts';
import { call, send, type TransportInit, urlOf } from './transport.ts';
import type { SendOptions } from './uploads.ts';

/** How many replicas must have a write on disk: `majority` unless said. */
export type Durability = 'one' | 'majority' | 'all';
/** `majority` fails where no majority answers, `one` takes the nearest copy; else the best copy, if need be `degraded`. */
export type Consistency = 'one' | 'majority';

export interface PutOptions extends SendOptions {
  /** Kept with the value; `application/octet-stream` unless said. */
  readonly contentType?: string;
  /** Seconds, or a duration like `30m`, `1h30m`, `7d`; for ever when missing. */
  readonly ttl?: number | string;
  readonly durability?: Durability;
  /** Only when there is no value yet: `precondition_failed` otherwise. */
  readonly ifAbsent?: boolean;
  /** Only when the value has this ETag: `precondition_failed` otherwise, with `detail.etag`. */
  readonly ifMatch?: string;
}

export type DeleteOptions = Pick<PutOptions, 'durability' | 'ifMatch'>;

export interface ReadOptions {
  readonly consistency?: Consistency;
}

/** Facts about an acknowledged write. */
export interface Written {
  readonly namespace: string;
  readonly key: string;
  /** With its quotes. */
  readonly etag: string;
  /** CID of the record. */
  readonly id: string;
  readonly version: { readonly ms: number; readonly counter: number };
  /** Peer ids of the replicas that have it on disk. */
  readonly replicas: readonly string[];
  readonly replicaSet: readonly string[];
  /** Replicas there are to be: with fewer homes it is under-replicated. */
  readonly wanted: number;
  readonly durability: Durability;
  readonly durable: boolean;
  /** Milliseconds since the Unix epoch; null for never. */
  readonly expiresAt: number | null;
}

/** Facts about a value without its bytes. */
export interface ValueHead {
  readonly key: string;
  readonly etag: string;
  readonly id: string;
  readonly version: { readonly ms: number; readonly counter: number };
  readonly contentType: string;
  readonly size: number;
  /** did:key of who signed it. */
  readonly author: string;
  /** When it was signed, milliseconds since the Unix epoch. */
  readonly time: number;
  readonly expiresAt: number | null;
  /** No majority was asked: there may be a newer value. */
  readonly degraded: boolean;
  /** CID of the blob that is the value; null for a small one. */
  readonly blob: string | null;
}

/** A value whose bytes are read when they are wanted, once; what is read goes on after a broken connection. */
export interface OpenValue extends ValueHead, Body {}

export interface OpenOptions extends ReadOptions, DownloadOptions {}

export interface Value extends ValueHead {
  readonly bytes: Uint8Array;
  /** The bytes as UTF-8. */
  readonly text: () => string;
}

export interface ListOptions {
  /** Literal. */
  readonly prefix?: string;
  /** Entries of a page, 1 to 1000. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Entry {
  readonly key: string;
  readonly etag: string;
  readonly version: { readonly ms: number; readonly counter: number };
  readonly size: number;
  /** Empty for `application/octet-stream`. */
  readonly contentType: string;
  readonly expiresAt: number | null;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** For the next page; null at the end. */
  readonly cursor: string | null;
  /** No majority could be asked: what one replica alone acknowledged may be missing. */
  readonly degraded: boolean;
  /** Replicas that are live, of the partition that has fewest, and how many there are to be. */
  readonly copies: { readonly live: number; readonly wanted: number };
}

/** The values of a namespace. Every method throws `ClientError`. */
export interface Kv {
  readonly namespace: string;
  /**
   * Text is stored as UTF-8. Returns once the write is on as many disks as `durability` says. Large uploads resume after a broken
   * connection.
   */
  put(key: string, value: Source, options?: PutOptions): Promise<Written>;
  /** All of it in memory; null when there is no value. */
  get(key: string, options?: ReadOptions): Promise<Value | null>;
  /** For values that may be large. */
  open(key: string, options?: OpenOptions): Promise<OpenValue | null>;
  head(key: string, options?: ReadOptions): Promise<ValueHead | null>;
  /** Also where there is no value. */
  delete(key: string, options?: DeleteOptions): Promise<Written>;
  /** A page, in bytewise order of the keys: complete, or an error. */
  list(options?: ListOptions): Promise<Page>;
  /** All entries, page by page. Entries that change meanwhile may be there or not. */
  entries(options?: Pick<ListOptions, 'prefix' | 'limit'>): AsyncIterable<Entry>;
  /** Replicas of a key, and their versions. */
  where(key: string): Promise<Where>;
}

export function createKv(init: TransportInit, namespace: string): Kv {
  checkNamespaceText(namespace);
  const path = `/v1/kv/${encodeURIComponent(namespace)}`;
  // in the query, since URL libraries and proxies rewrite paths: they would drop the key ".."
  const urlFor = (key: string, query: Readonly<Record<string, string | undefined>> = {}): URL =>
    urlOf(init, path, { key: checked(key), ...query });
  const list = async ({ prefix, limit, cursor }: ListOptions = {}): Promise<Page> => {
    const size = limit === undefined ? undefined : String(limit);
    return call<Page>(init, urlOf(init, path, { prefix: checkedPrefix(prefix), limit: size, cursor }));
  };
  const head: Kv['head'] = async (key, { consistency } = {}) => {
    const response = await send(init, urlFor(key, { consistency }), { method: 'HEAD' });
    if (response.ok)
      return headOf(key, response.headers, Number(response.headers.get('content-length') ?? 0));
    const code = response.headers.get('maillon-error');
    if (code === 'not_found') return null;
    throw errorFrom({ code, error: `the gateway answered ${response.status}` }, response.status);
  };
  return {
    namespace,
    put: async (key, value, options = {}) => {
      const { ttl, durability } = options;
      const query = { ttl: ttl === undefined ? undefined : String(ttl), durability };
      const request = { method: 'PUT', headers: putHeaders(options) };
      checked(key);
      const check = async (): Promise<void> => checkCondition(options, () => head(key));
      return putSource<Written>(init, { namespace, source: value, options, check }, async (upload, body) =>
        call(init, urlFor(key, { ...query, upload }), { ...request, body }),
      );
    },
    get: async (key, { consistency } = {}) => {
      const found = await open(init, key, urlFor(key, { consistency }));
      if (found === null) return null;
      const { stream: _stream, bytes: read, ...head } = found;
      const bytes = await read();
      return { ...head, bytes, text: () => new TextDecoder().decode(bytes) };
    },
    open: async (key, { consistency, ...options } = {}) =>
      open(init, key, urlFor(key, { consistency }), options),
    head,
    delete: async (key, { durability, ifMatch } = {}) =>
      call<Written>(init, urlFor(key, { durability }), { method: 'DELETE', headers: matchHeader(ifMatch) }),
    list,
    entries: (options) => pages(list, options),
    where: async (key) =>
      call<Where>(init, urlOf(init, '/v1/network/storage/where', { namespace, key: checked(key) })),
  };
}

async function open(
  init: TransportInit,
  key: string,
  url: URL,
  options?: DownloadOptions,
): Promise<OpenValue | null> {
  const found = await download(init, url, options);
  if (found === null) return null;
  const { headers, size, stream, bytes } = found;
  return { ...headOf(key, headers, size), stream, bytes };
}

async function* pages(
  list: Kv['list'],
  options: Pick<ListOptions, 'prefix' | 'limit'> = {},
): AsyncGenerator<Entry, undefined> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page = await list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.entries;
    ({ cursor } = page);
  }
}

function headOf(key: string, headers: Headers, size: number): ValueHead {
  const etag = headers.get('etag') ?? '';
  const stamp = parseEtag(etag);
  if (stamp === null)
    throw new ClientError('bad_answer', 200, 'the server answered without an ETag of a value');
  const expires = headers.get('maillon-expires');
  return {
    key,
    etag,
    id: recordCid(stamp.digest),
    version: { ms: stamp.ms, counter: stamp.counter },
    contentType: headers.get('content-type') ?? '',
    size,
    author: headers.get('maillon-author') ?? '',
    time: Number(headers.get('maillon-time')),
    expiresAt: expires === null ? null : Number(expires),
    degraded: headers.get('maillon-degraded') === 'true',
    blob: headers.get('maillon-blob'),
  };
}

function putHeaders({ contentType, ifAbsent, ifMatch }: PutOptions): Record<string, string> {
  return {
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(ifAbsent === true ? { 'if-none-match': '*' } : {}),
    ...matchHeader(ifMatch),
  };
}

/** Checks early what the gateway would refuse in the end; its decision is final. */
async function checkCondition(
  { ifAbsent, ifMatch }: PutOptions,
  look: () => Promise<ValueHead | null>,
): Promise<void> {
  if (ifAbsent !== true && ifMatch === undefined) return;
  const there = await look();
  const wanted = matchHeader(ifMatch)['if-match'];
  const holds =
    ifAbsent === true ? there === null : there !== null && (wanted === '*' || wanted === there.etag);
  if (holds) return;
  const detail = there === null ? {} : { detail: { etag: there.etag } };
  throw new ClientError('precondition_failed', 412, 'the value is not the one that was asked for', detail);
}

/** The quotes belong to an ETag, but shells eat them. */
function matchHeader(ifMatch: string | undefined): Record<string, string> {
  if (ifMatch === undefined) return {};
  return { 'if-match': ifMatch === '*' || ifMatch.includes('"') ? ifMatch : `"${ifMatch}"` };
}

/** Refuses parts of a key that a URL would change silently, or lead elsewhere with. */
function checked(key: string): string {
  checkPart('bad_key', () => checkKey(key));
  return key;
}

function checkedPrefix(prefix: string | undefined): string | undefined {
  return prefix === undefined || prefix === '' ? undefined : checked(prefix);
}
