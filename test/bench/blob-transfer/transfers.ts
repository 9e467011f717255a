import { createHash } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const NAMESPACE = 'transfer';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array>;
}

/** Client of one gateway that transfers large files. */
export class Transfers {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** One request with its whole answer. Throws for what is no 2xx. */
  async ask(method: string, path: string, { headers = {}, body }: Ask = {}): Promise<Answer> {
    const asked = request(`${this.#url}${path}`, { method, headers });
    const answered = responseOf(asked);
    // who answers before the end of the body does not want the rest of it: the answer says why
    const sent = body === undefined ? asked.end() : pipeline(body, asked);
    const response = await Promise.race([answered, Promise.resolve(sent).then(() => answered)]);
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part as string;
    const { statusCode: status = 0 } = response;
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${text}`);
    return { status, headers: response.headers, body: text };
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, size: number): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': `${size}` };
    await this.ask('PUT', pathOf(key), { headers, body });
  }

  /** The digest of bytes from `start` on, beside those that `sha` has already; throws when they end early, unless `stopAt` is reached first. */
  async get(
    key: string,
    options: { readonly sha?: ReturnType<typeof createHash>; start?: number; stopAt?: number } = {},
  ) {
    const { sha = createHash('sha256'), start = 0, stopAt = Infinity } = options;
    const headers = start === 0 ? {} : { range: `bytes=${start}-` };
    const asked = request(`${this.#url}${pathOf(key)}`, { headers });
    const answered = responseOf(asked);
    asked.end();
    const response = await answered;
    const expected = start === 0 ? 200 : 206;
    if (response.statusCode !== expected)
      throw new Error(`GET ${key}: ${response.statusCode}, not ${expected}`);
    let size = start;
    for await (const piece of response as AsyncIterable<Buffer>) {
      const rest = Math.min(piece.byteLength, stopAt - size);
      sha.update(piece.subarray(0, rest));
      size += rest;
      if (size >= stopAt) break;
    }
    if (size < stopAt && !response.complete) throw new Error(`GET ${key} was cut off at ${size}`);
    return { sha, size };
  }

  async begin(): Promise<string> {
    const { headers, body } = await this.ask('POST', `/v1/uploads?namespace=${NAMESPACE}`, {
      headers: { 'upload-complete': '?0' },
    });
    return /([^/?]+)(\?.*)?$/.exec(headers.location ?? '')?.[1] ?? (JSON.parse(body) as { id: string }).id;
  }

  async offset(id: string): Promise<number> {
    const { headers } = await this.ask('HEAD', uploadPath(id));
    return Number(headers['upload-offset']);
  }

  async append(id: string, offset: number, body: AsyncIterable<Uint8Array>, isEnd: boolean): Promise<void> {
    const headers = {
      'content-type': 'application/partial-upload',
      'upload-offset': `${offset}`,
      'upload-complete': isEnd ? '?1' : '?0',
    };
    await this.ask('PATCH', uploadPath(id), { headers, body });
  }

  async commit(key: string, id: string): Promise<void> {
    await this.ask('PUT', `${pathOf(key)}?upload=${id}`, { headers: { 'content-length': '0' } });
  }

  /** Live nodes that have all of the value. */
  async wholeCopies(key: string): Promise<number> {
    const path = `/v1/network/storage/where?namespace=${NAMESPACE}&key=${encodeURIComponent(key)}`;
    const { body } = await this.ask('GET', path);
    const { holders } = JSON.parse(body) as { holders: { isLive: boolean; isWhole: boolean | null }[] };
    return holders.filter(({ isLive, isWhole }) => isLive && isWhole === true).length;
  }
}

function responseOf(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => asked.once('response', resolve).once('error', reject));
}

function pathOf(key: string): string {
  return `/v1/kv/${NAMESPACE}/${encodeURIComponent(key)}`;
}

function uploadPath(id: string): string {
  return `/v1/uploads/${encodeURIComponent(id)}?namespace=${NAMESPACE}`;
}
