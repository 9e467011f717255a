/** Tenants' things at a gateway, each marked, so that access or change by anyone else is detected. */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import { custodyNamespace } from '../../../gateway/auth/custody.ts';
import { parseWallet } from '../../../gateway/auth/wallets.ts';
import { type RawAnswer, rawRequest } from '../raw-http.ts';
import { type ClientWallet, type SignedIn, signIn, signInSiwx, walletOf } from '../sign-in.ts';
import type { Site } from '../start-gateway.ts';
import { WsClient } from '../ws-client.ts';

export type Headers = Readonly<Record<string, string>>;

/** Thousands of requests go over some connections. */
export const AGENT = new Agent({ keepAlive: true });

/** Everybody has the same keys, map and topic: whoever is taken for another finds that one's. */
export const KEY = 'secret';
export const MAP = 'map';
export const TOPIC = 'topic';
/** The key of 4NK's routes, where it can be written once. */
export const HEX_KEY = '5e'.repeat(32);
const FENCE = 'fence ';
/** A tenant hears its own messages in milliseconds; the timeout allows for a busy machine. */
const PATIENCE_MS = 60_000;

type Session = Omit<SignedIn, 'api_key'> & { readonly api_key?: string };

export interface TenantInit {
  readonly name: string;
  readonly namespace: string;
  /** Number of its wallet; null for the gateway's operator, who has none. */
  readonly wallet: number | null;
  /** The namespace is the wallet's own. */
  readonly isDelegated?: boolean;
}

/** A namespace, what is in it, and whoever it belongs to. */
export class Tenant implements AsyncDisposable {
  readonly name: string;
  readonly namespace: string;
  /** DID of its wallet; the operator's for his own. */
  readonly did: string;
  readonly wallet: ClientWallet | null;
  readonly session: Session | null;
  /** Marks that only it and those it admits may see. */
  readonly marks = new Set<string>();
  /** The namespace as the gateway names it, with its owner: the operator may see it, other tenants may not. */
  readonly place: string;
  readonly things = {
    app: '',
    apiKey: '',
    /** Texts of keys with which it is asked. */
    fullKeyText: '',
    readOnlyKeyText: '',
    message: '',
    cursor: '',
    etag: '',
    blob: '',
    upload: '',
    nonce: '',
    idempotencyKey: 'the-same-for-all',
  };
  readonly marked = {
    key: this.#mark('key'),
    value: this.#mark('value'),
    cachedKey: this.#mark('cached-key'),
    cached: this.#mark('cached'),
    stored: Buffer.from(this.#mark('stored')).toString('hex'),
    app: this.#mark('app'),
    apiKey: this.#mark('api-key'),
    member: this.#mark('member'),
    file: this.#mark('file'),
    blob: this.#mark('blob'),
    topic: this.#mark('topic'),
  };
  readonly #site: Site;
  readonly #isDelegated: boolean;
  readonly #heard: string[] = [];
  readonly #listeners: WsClient[] = [];
  readonly #arrivals = new EventEmitter();
  #fences = 0;

  private constructor(site: Site, init: TenantInit, held: Held | null) {
    this.#site = site;
    this.name = init.name;
    this.namespace = init.namespace;
    this.wallet = held?.wallet ?? null;
    this.session = held?.session ?? null;
    this.did = held?.did ?? site.node.owner;
    this.#isDelegated = init.isDelegated === true;
    const own =
      held === null || this.#isDelegated ? init.namespace : custodyNamespace(held.did, init.namespace);
    this.place = `${own}@${this.#isDelegated ? this.did : site.node.owner}`;
    this.marks.add(this.marked.stored);
    if (held === null) return;
    const { session } = held;
    for (const one of [session.refresh_token, session.access_token, session.api_key]) {
      if (one !== undefined) this.marks.add(one.toLowerCase());
    }
  }

  /** Signs in, listens, and leaves its things. */
  static async move(site: Site, init: TenantInit): Promise<Tenant> {
    const wallet = init.wallet === null ? null : await walletOf(init.wallet);
    const held =
      wallet === null
        ? null
        : {
            wallet,
            session:
              init.isDelegated === true
                ? await signInSiwx(site.url, wallet, { namespace: init.namespace })
                : await signIn(site.url, wallet, init.namespace),
            did: parseWallet(wallet.address).did,
          };
    const tenant = new Tenant(site, init, held);
    await tenant.#listen();
    await tenant.#publish();
    if (init.isDelegated !== true) {
      tenant.things.fullKeyText = await tenant.#makeKey(['read', 'write']);
      tenant.things.readOnlyKeyText = await tenant.#makeKey(['read']);
    }
    await tenant.leave();
    return tenant;
  }

  /** Leaves its things, or what is missing of them. */
  async leave(): Promise<void> {
    await Promise.all([
      this.#store(),
      this.#keepBlob(),
      this.#keepUpload(),
      this.#keepApp(),
      ...(this.wallet === null ? [] : [this.#challenge(this.wallet)]),
      ...(this.#isDelegated ? [] : [this.#keepKey()]),
    ]);
  }

  /** With which it acts itself. */
  get headers(): Headers {
    return this.session === null ? {} : { authorization: `Bearer ${this.session.access_token}` };
  }

  /** All texts by which somebody could mean its namespace. */
  get spellings(): readonly string[] {
    return [...new Set([this.namespace, this.place, `${this.namespace}@${this.did}`])];
  }

  /** Its stored things and received messages as it reads them itself: the same as long as nobody changes anything. */
  async look(): Promise<string> {
    // a list names the CIDs of what is stored
    const found = await Promise.all([
      this.#ask('GET', `/v1/kv/${this.namespace}?limit=1000`),
      this.#ask('GET', `/v1/uploads/${this.things.upload}`),
      this.#ask('GET', '/v1/apps', undefined, this.#holding),
      ...(this.#isDelegated ? [] : [this.#ask('GET', '/v1/auth/api-keys')]),
    ]);
    if (found.some(({ status }) => status === 401)) return 'signed out';
    // whatever was published before comes before it
    this.#fences += 1;
    const fence = `${FENCE}${this.#fences}`;
    await this.#send({ topic: TOPIC, text: fence });
    await this.#hears(fence);
    const heard = this.#heard.filter((text) => !text.startsWith(FENCE)).toSorted();
    return JSON.stringify([heard, ...found.map(({ text }) => text)]);
  }

  /** Whether its session is there still: the state is asked, not what the gateway remembers. */
  async isSignedIn(): Promise<boolean> {
    return this.session === null || (await this.#ask('POST', '/v1/auth/refresh', {})).status === 200;
  }

  /** Messages of others on its topic. */
  get strangers(): readonly string[] {
    return this.#heard.filter((text) => !text.startsWith(FENCE) && !text.startsWith(`${this.name}: `));
  }

  /** Publishes something marked to its topic, and waits until it heard it. */
  async say(): Promise<string> {
    const text = `${this.name}: ${this.#mark('said')}`;
    await this.#send({ topic: TOPIC, text });
    await this.#hears(text);
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((one) => one[Symbol.asyncDispose]()));
  }

  async #listen(): Promise<void> {
    const { wsUrl } = this.#site;
    const path = `${wsUrl}/v1/pubsub/ws?namespace=${this.namespace}&frames=json`;
    const listener = await WsClient.open(
      `${path}&topic=${TOPIC}&presence=true&member_id=${this.marked.member}`,
      [],
      this.headers,
    );
    listener.socket.on('message', (data: Buffer) => {
      const { data: text } = JSON.parse(data.toString()) as { data?: string };
      if (text === undefined) return;
      this.#heard.push(Buffer.from(text, 'base64').toString());
      this.#arrivals.emit('message');
    });
    // a topic is in use while somebody listens
    this.#listeners.push(
      listener,
      await WsClient.open(`${path}&topic=${this.marked.topic}`, [], this.headers),
    );
  }

  async #hears(text: string): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (!this.#heard.includes(text)) await once(this.#arrivals, 'message', { signal });
  }

  async #store(): Promise<void> {
    const { key, value, cachedKey, cached, stored } = this.marked;
    const put = (name: string) => this.#json('PUT', `/v1/kv/${this.namespace}/${name}`, value);
    const cache = (name: string) =>
      this.#json('POST', '/v1/cache/put', { dmap: MAP, key: name, value: cached });
    const [written] = await Promise.all([
      put(KEY),
      put(key),
      cache(KEY),
      cache(cachedKey),
      this.#json('POST', '/store', { key: HEX_KEY, value: stored }),
    ]);
    this.marks.delete(this.things.etag);
    this.things.etag = String(written['etag']).replaceAll('"', '').toLowerCase();
    this.marks.add(this.things.etag);
    const page = await this.#json('GET', `/v1/kv/${this.namespace}?limit=1`);
    this.things.cursor = String(page['cursor']);
  }

  async #keepBlob(): Promise<void> {
    const { file, blob } = this.marked;
    const data = Buffer.from(blob).toString('base64');
    const { cid } = await this.#json('POST', '/v1/storage/upload', { name: file, data });
    this.things.blob = String(cid);
    this.marks.add(this.things.blob);
  }

  async #keepUpload(): Promise<void> {
    const kept = await this.#ask('GET', `/v1/uploads/${this.things.upload || 'none'}`);
    if (kept.status === 200 && kept.body.complete === false) return;
    const { id } = await this.#json('POST', '/v1/uploads');
    this.things.upload = String(id);
    this.marks.add(this.things.upload.toLowerCase());
  }

  async #publish(): Promise<void> {
    const { idempotencyKey } = this.things;
    const { id } = await this.#send({ topic: TOPIC, text: `${this.name}: first`, idempotencyKey });
    this.things.message = `${id}:0`;
    this.marks.add(id.toLowerCase());
  }

  async #challenge({ address: wallet }: ClientWallet): Promise<void> {
    const { nonce } = await this.#json('POST', '/v1/auth/challenge', { wallet, namespace: this.namespace });
    this.things.nonce = String(nonce);
  }

  /** The operator has apps by key only. */
  async #keepApp(): Promise<void> {
    const { things, marked } = this;
    const kept = await this.#ask('GET', '/v1/apps', undefined, this.#holding);
    if (!kept.text.includes(things.app || 'none yet')) {
      const made = await this.#json('POST', '/v1/apps', { name: marked.app }, this.#holding);
      things.app = String(made['app_id']);
    }
    this.marks.add(things.app.toLowerCase());
  }

  get #holding(): Headers {
    return this.wallet === null ? { 'x-api-key': this.things.fullKeyText } : {};
  }

  async #keepKey(): Promise<void> {
    const { things, marked } = this;
    if (!(await this.#ask('GET', '/v1/auth/api-keys')).text.includes(things.apiKey || 'none yet')) {
      const made = await this.#json('POST', '/v1/auth/api-keys', { name: marked.apiKey });
      things.apiKey = String(made['id']);
      this.marks.add(String(made['api_key']).toLowerCase());
    }
    this.marks.add(things.apiKey.toLowerCase());
  }

  async #makeKey(scopes: readonly string[]): Promise<string> {
    const made = await this.#json('POST', '/v1/auth/api-keys', { name: this.marked.apiKey, scopes });
    const text = String(made['api_key']);
    this.marks.add(text.toLowerCase());
    return text;
  }

  /** A text that nobody else has, in all forms in which it may come back. */
  #mark(what: string): string {
    const text = `${what}-${randomBytes(9).toString('hex')}`;
    this.marks.add(text).add(Buffer.from(text).toString('base64').toLowerCase());
    return text;
  }

  async #send(say: { topic: string; text: string; idempotencyKey?: string }): Promise<{ id: string }> {
    const { topic, text, idempotencyKey } = say;
    const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    const body = { topic, data_base64: Buffer.from(text).toString('base64') };
    const { id } = await this.#json('POST', '/v1/pubsub/publish', body, headers);
    return { id: String(id) };
  }

  async #json(
    method: string,
    path: string,
    body?: string | object,
    headers: Headers = {},
  ): Promise<Record<string, unknown>> {
    const answer = await this.#ask(method, path, body, headers);
    if (answer.status >= 300) throw new Error(`${this.name}: ${method} ${path}: ${answer.text}`);
    return answer.body;
  }

  #ask(method: string, path: string, body?: string | object, headers: Headers = {}): Promise<RawAnswer> {
    const isJson = body !== undefined && typeof body !== 'string';
    const type: Headers = isJson ? { 'content-type': 'application/json' } : {};
    return rawRequest(this.#site.url, path, {
      method,
      agent: AGENT,
      headers: { ...this.headers, ...type, ...headers },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
    });
  }
}

interface Held {
  readonly wallet: ClientWallet;
  readonly session: Session;
  readonly did: string;
}
