import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** Where a node's gateway answers: a loopback port, or a socket that leads into a network namespace. */
export type Target = { readonly port: number } | { readonly socketPath: string };

export type Consistency = 'one' | 'majority' | 'default';

/** Outcome of a write, as far as its client can know. */
export type Outcome =
  | {
      readonly kind: 'acked';
      readonly etag: string;
      readonly replicas: readonly string[];
      readonly durable: boolean;
      readonly expiresAt: number | null;
    }
  /** It is certain that nothing was written. */
  | { readonly kind: 'refused'; readonly code: string }
  /** It may have been written, or may yet be. */
  | { readonly kind: 'unclear'; readonly code: string };

export type ReadOutcome =
  | { readonly kind: 'value'; readonly etag: string; readonly text: string; readonly isDegraded: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly code: string };

export interface WriteOptions {
  readonly durability?: 'one' | 'majority' | 'all';
  readonly ifMatch?: string;
  readonly ifAbsent?: boolean;
}

export interface Holder {
  readonly id: string;
  readonly role: 'replica' | 'fallback';
  readonly isLive: boolean;
  readonly isSynced: boolean | null;
  readonly etag: string | null;
  readonly isTombstone: boolean;
  /** For a blob value: whether the holder has all of it. */
  readonly isWhole: boolean | null;
}

export interface ListedEntry {
  readonly key: string;
  readonly etag: string;
  readonly expiresAt: number | null;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Longer than a node takes to decide: one that runs into it hangs. */
const TIMEOUT_MS = 20_000;
const PAGE = 100;
/** Codes after which nothing was written for sure. */
const REFUSALS = new Set([
  'precondition_failed',
  'exists',
  'insufficient_replicas',
  'bad_clock',
  'over_quota',
  'overloaded',
]);
const NAMESPACE = 'faults';

/** A node seen through its gateway alone. */
export class Site {
  readonly name: string;
  target: Target;
  /** Codes of answers nobody should get, and how often they came. */
  readonly faults = new Map<string, number>();
  readonly #namespace: string;
  #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(name: string, target: Target, namespace = NAMESPACE) {
    this.name = name;
    this.target = target;
    this.#namespace = namespace;
  }

  /** Forgets its connections: the process behind them is another one. */
  reset(target: Target): void {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64 });
    this.target = target;
  }

  put(key: string, text: string, options: WriteOptions = {}): Promise<Outcome> {
    return this.#write('PUT', key, options, text);
  }

  delete(key: string, options: WriteOptions = {}): Promise<Outcome> {
    return this.#write('DELETE', key, options);
  }

  async get(key: string, consistency: Consistency = 'majority'): Promise<ReadOutcome> {
    const query = consistency === 'default' ? '' : `?consistency=${consistency}`;
    const answer = await this.ask('GET', this.#pathOf(key) + query).catch(failure);
    if (!('status' in answer)) return answer;
    const { status, headers, body } = answer;
    if (status === 200) {
      const isDegraded = headers['maillon-degraded'] === 'true';
      return { kind: 'value', etag: headers.etag ?? '', text: body, isDegraded };
    }
    const code = this.#codeOf(answer);
    return status === 404 && code === 'not_found' ? { kind: 'none' } : { kind: 'failed', code };
  }

  /** Every entry under `prefix`, page by page; the code when a page failed. */
  async list(prefix: string): Promise<readonly ListedEntry[] | string> {
    const entries: ListedEntry[] = [];
    let cursor: string | null = null;
    do {
      const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const path = `/v1/kv/${this.#namespace}?limit=${PAGE}&prefix=${encodeURIComponent(prefix)}${from}`;
      const answer = await this.ask('GET', path).catch(failure);
      if (!('status' in answer)) return answer.code;
      if (answer.status !== 200) return this.#codeOf(answer);
      const page = JSON.parse(answer.body) as { entries: ListedEntry[]; cursor: string | null };
      entries.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== null);
    return entries;
  }

  /** Holders of `key`; empty when the node cannot say. */
  async where(key: string): Promise<readonly Holder[]> {
    const path = `/v1/network/storage/where?namespace=${encodeURIComponent(this.#namespace)}&key=${encodeURIComponent(key)}`;
    const answer = await this.ask('GET', path).catch(failure);
    if (!('status' in answer) || answer.status !== 200) return [];
    return (JSON.parse(answer.body) as { holders: Holder[] }).holders;
  }

  /** How many nodes have their share and so count as replicas, as this node sees it; 0 while it copies its own. */
  async replicas(): Promise<number> {
    const answer = await this.ask('GET', '/v1/network/storage').catch(failure);
    if (!('status' in answer) || answer.status !== 200) return 0;
    const { isReady, fellows } = JSON.parse(answer.body) as { isReady: boolean; fellows: unknown[] };
    return isReady ? fellows.length + 1 : 0;
  }

  async isReady(): Promise<boolean> {
    const answer = await this.ask('GET', '/readyz').catch(failure);
    return 'status' in answer && answer.status === 200;
  }

  ask(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const host = 'port' in this.target ? { host: '127.0.0.1' } : {};
    const sent = { host: '127.0.0.1', ...headers };
    const asked = request({ ...this.target, ...host, method, path, headers: sent, agent: this.#agent });
    asked.setTimeout(TIMEOUT_MS, () => asked.destroy(new CodeError('client_timeout')));
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject).on('end', () => {
        if (!response.complete) reject(new CodeError('cut_off'));
        else resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    asked.end(body);
    return promise;
  }

  async #write(method: string, key: string, options: WriteOptions, text?: string): Promise<Outcome> {
    const { durability, ifMatch, ifAbsent } = options;
    const headers = {
      ...(text === undefined ? {} : { 'content-type': 'text/plain' }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(ifAbsent === true ? { 'if-none-match': '*' } : {}),
    };
    const query = durability === undefined ? '' : `?durability=${durability}`;
    const answer = await this.ask(method, this.#pathOf(key) + query, headers, text).catch(failure);
    if (!('status' in answer)) {
      // nobody listened: nothing was sent
      return { kind: answer.code === 'ECONNREFUSED' ? 'refused' : 'unclear', code: answer.code };
    }
    if (answer.status === 200 || answer.status === 201) {
      const receipt = JSON.parse(answer.body) as Extract<Outcome, { kind: 'acked' }>;
      const { etag, replicas, durable, expiresAt } = receipt;
      return { kind: 'acked', etag, replicas, durable, expiresAt };
    }
    const code = this.#codeOf(answer);
    return { kind: REFUSALS.has(code) ? 'refused' : 'unclear', code };
  }

  #pathOf(key: string): string {
    return `/v1/kv/${this.#namespace}/${encodeURIComponent(key)}`;
  }

  #codeOf({ status, body }: Answer): string {
    let code = `http_${status}`;
    try {
      ({ code } = JSON.parse(body) as { code: string });
    } catch {
      // what is no JSON has no code
    }
    if (status >= 500 && status !== 503) this.faults.set(code, (this.faults.get(code) ?? 0) + 1);
    return code;
  }
}

class CodeError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** No answer: what was asked may have been done. */
function failure(error: unknown): { kind: 'failed'; code: string } {
  const { code } = error as { code?: string };
  return { kind: 'failed', code: code ?? 'no_answer' };
}
