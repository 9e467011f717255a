/** A `maillon` process in a network namespace, and its gateway seen from outside. */
import { request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Host } from './namespaces.ts';
import { type Program, scratch, until } from './processes.ts';
import { ROOT } from './sources.ts';

const DOOR = join(ROOT, 'test/support/namespace-door.ts');
/** In a namespace every port is free: the gateway has its usual one. */
const GATEWAY_PORT = 8080;
const REQUEST_TIMEOUT_MS = 10_000;

interface Ready {
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
}

export interface PeerEntry {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
  readonly direction: 'inbound' | 'outbound' | null;
}

/** Starts `maillon node` on `host`, or what `args` say instead; its directory is gone after the test. */
export async function startNodeIn(
  t: TestContext,
  host: Host,
  settings: readonly string[] = [],
  command: 'node' | 'gateway' = 'node',
): Promise<NodeInNamespace> {
  const directory = scratch(t);
  const args = [command, '--json', '--data', join(directory, 'data'), '--log-level', 'debug', ...settings];
  const program = host.maillon(t, args, { cwd: directory });
  const ready = JSON.parse(await program.firstLine()) as Ready;
  const socket = join(directory, 'door');
  await host.start(t, process.execPath, [DOOR, socket, String(GATEWAY_PORT)]).firstLine();
  return new NodeInNamespace(host, program, ready, socket);
}

export class NodeInNamespace {
  readonly host: Host;
  readonly program: Program;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly #socket: string;

  constructor(host: Host, program: Program, ready: Ready, socket: string) {
    this.host = host;
    this.program = program;
    this.peerId = ready.peerId;
    this.addresses = ready.multiaddrs;
    this.#socket = socket;
  }

  /** With which others join through this node, over TCP at its host's address. */
  get bootstrap(): string {
    return `/ip4/${this.host.address}/tcp/4411/p2p/${this.peerId}`;
  }

  async peers(): Promise<readonly PeerEntry[]> {
    return (await this.#get<{ peers: PeerEntry[] }>('/v1/network/peers')).peers;
  }

  async connectedPeers(): Promise<readonly string[]> {
    return (await this.peers()).filter(({ connected }) => connected).map(({ id }) => id);
  }

  /** The node's status from /v1/status. */
  async status(): Promise<{
    readonly node: { readonly peers: number; readonly addresses: readonly string[] };
  }> {
    return this.#get('/v1/status');
  }

  async publish(topic: string, text: string): Promise<void> {
    const body = JSON.stringify({ topic, data_base64: Buffer.from(text).toString('base64') });
    const { status, answer } = await this.#ask('POST', '/v1/pubsub/publish', body);
    if (status !== 200) throw new Error(`publish answered ${status}: ${answer}`);
  }

  /** Texts the node delivers on `topic` from now on; the list grows. */
  async subscribe(t: TestContext, topic: string): Promise<readonly string[]> {
    const texts: string[] = [];
    let rest = '';
    const isOpen = Promise.withResolvers<void>();
    const asked = this.#request('GET', `/v1/pubsub/sse?topic=${topic}`);
    asked.on('error', isOpen.reject).on('response', (response) => {
      response.setEncoding('utf8').on('error', () => undefined);
      response.on('data', (part: string) => {
        isOpen.resolve();
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        texts.push(...lines.flatMap(messageOf));
      });
    });
    asked.end();
    t.after(() => asked.destroy());
    await isOpen.promise;
    return texts;
  }

  async #get<T>(path: string): Promise<T> {
    const { status, answer } = await this.#ask('GET', path);
    if (status !== 200) throw new Error(`${path} answered ${status}: ${answer}`);
    return JSON.parse(answer) as T;
  }

  async #ask(method: string, path: string, body?: string): Promise<{ status: number; answer: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
    const asked = this.#request(method, path);
    asked.setTimeout(REQUEST_TIMEOUT_MS, () => asked.destroy(new Error(`${path} did not answer`)));
    asked.on('error', reject).on('response', (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part: string) => (answer += part));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, answer }));
    });
    asked.end(body);
    return promise;
  }

  #request(method: string, path: string) {
    const headers = { host: `127.0.0.1:${GATEWAY_PORT}`, 'content-type': 'application/json' };
    return request({ socketPath: this.#socket, method, path, headers });
  }
}

/** The message in a line of an event stream, if there is one. */
function messageOf(line: string): string[] {
  if (!line.startsWith('data: ')) return [];
  const { data_base64 } = JSON.parse(line.slice('data: '.length)) as { data_base64?: string };
  return data_base64 === undefined ? [] : [Buffer.from(data_base64, 'base64').toString()];
}

/** Publishes at `from` until `inbox` has it: a mesh that is still forming may lose the first. */
export async function untilHeard(
  what: string,
  from: NodeInNamespace,
  topic: string,
  inbox: readonly string[],
): Promise<void> {
  let attempt = 0;
  await until(`${what} is heard`, async () => {
    if (inbox.some((text) => text.startsWith(what))) return true;
    await from.publish(topic, `${what} ${attempt++}`);
    return false;
  });
}
