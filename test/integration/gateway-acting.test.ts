/** On every route a session acts within its wallet's delegation, and only while it is valid. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { parseResource } from '../../protocols/identity/index.ts';
import { ClientKey } from '../support/client-author.ts';
import { until } from '../support/processes.ts';
import {
  type DelegatedSession,
  post,
  type SignedIn,
  signIn,
  signInSiwx,
  walletOf,
} from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { readOf, TenantInbox } from '../support/tenants.ts';

const HEX_KEY = 'ab'.repeat(32);

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const bearer = ({ access_token: token }: Pick<SignedIn, 'access_token'>) => ({
  authorization: `Bearer ${token}`,
});

async function ownerOf(session: DelegatedSession): Promise<string> {
  const who = await fetch(`${site.url}/v1/auth/whoami`, { headers: bearer(session) });
  const { delegation } = (await who.json()) as { delegation: { resources: [string] } };
  return parseResource(delegation.resources[0]).owner;
}

/** Each route that changes something in a namespace, and the key that it writes. */
const WRITES: readonly [what: string, key: string, (headers: Record<string, string>) => Promise<Response>][] =
  [
    ['kv', 'a', (headers) => fetch(`${site.url}/v1/kv/default/a`, { method: 'PUT', body: 'x', headers })],
    [
      'kv, key in the query',
      'b',
      (headers) => fetch(`${site.url}/v1/kv/default?key=b`, { method: 'PUT', body: 'x', headers }),
    ],
    [
      'kv, if there is none',
      'c',
      (headers) =>
        fetch(`${site.url}/v1/kv/default/c`, {
          method: 'PUT',
          body: 'x',
          headers: { ...headers, 'if-none-match': '*' },
        }),
    ],
    [
      'storage/put',
      'd',
      (headers) => fetch(`${site.url}/v1/storage/put?key=d`, { method: 'POST', body: 'x', headers }),
    ],
    [
      'storage',
      'e',
      (headers) => fetch(`${site.url}/v1/storage?key=e`, { method: 'PUT', body: 'x', headers }),
    ],
    [
      'cache/put',
      'cache/m/f',
      (headers) => post(site.url, '/v1/cache/put', { dmap: 'm', key: 'f', value: 1 }, headers),
    ],
    ['store', HEX_KEY, (headers) => post(site.url, '/store', { key: HEX_KEY, value: '00' }, headers)],
  ];
const DELETES: typeof WRITES = [
  ['kv', 'a', (headers) => fetch(`${site.url}/v1/kv/default/a`, { method: 'DELETE', headers })],
  [
    'kv, key in the query',
    'b',
    (headers) => fetch(`${site.url}/v1/kv/default?key=b`, { method: 'DELETE', headers }),
  ],
  ['storage/delete', 'd', (headers) => post(site.url, '/v1/storage/delete', { key: 'd' }, headers)],
  [
    'cache/delete',
    'cache/m/f',
    (headers) => post(site.url, '/v1/cache/delete', { dmap: 'm', key: 'f' }, headers),
  ],
];

describe('routes that write', () => {
  test('within a delegation: in the wallet’s namespace, signed by this node', async () => {
    const session = await signInSiwx(site.url, await walletOf(1));
    const owner = await ownerOf(session);
    for (const [what, key, write] of WRITES) {
      const answer = await write(bearer(session));
      assert.ok(answer.ok, `${what}: ${answer.status} ${await answer.text()}`);
      const record = await site.node.storage.get({ owner, namespace: 'default', key });
      assert.equal(record?.author, site.node.status().author, what);
      assert.equal(await readOf(site.node, site.node.owner, key), null, what);
    }
    for (const [what, key, remove] of DELETES) {
      const answer = await remove(bearer(session));
      assert.ok(answer.ok, `${what}: ${answer.status} ${await answer.text()}`);
      assert.equal(await readOf(site.node, owner, key), null, what);
    }
  });

  test('a client that signs itself is refused at each', async () => {
    const session = await signInSiwx(site.url, await walletOf(2), { audience: new ClientKey().did });
    for (const [what, , write] of [...WRITES, ...DELETES.filter(([one]) => one !== 'cache/delete')]) {
      const answer = await write(bearer(session));
      const { message, code = message } = (await answer.json()) as { code?: string; message?: string };
      assert.equal(answer.status, 403, what);
      assert.match(code ?? '', /^forbidden$|your own key signs/, what);
    }
  });
});

interface Line {
  readonly frames: Record<string, unknown>[];
  publish(text: string): Promise<Record<string, unknown>>;
  /** With which code the gateway closed it. */
  cut(): Promise<number>;
}

/** A WebSocket of the session on the topic `hello`. */
async function connect(session: Pick<SignedIn, 'access_token'>): Promise<Line & { close(): void }> {
  const socket = new WebSocket(`${site.wsUrl}/v1/pubsub/ws?topic=hello`, 'maillon.json.1', {
    headers: bearer(session),
  });
  const frames: Record<string, unknown>[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as Record<string, unknown>));
  socket.on('error', () => undefined);
  let closeCode: number | null = null;
  socket.on('close', (code) => {
    closeCode = code;
  });
  await until('it is subscribed', () => frames.some(({ type }) => type === 'subscribed'));
  let count = 0;
  return {
    frames,
    close: () => socket.terminate(),
    publish: async (text) => {
      count += 1;
      const ref = count;
      socket.send(
        JSON.stringify({ type: 'publish', ref, data_base64: Buffer.from(text).toString('base64') }),
      );
      return until('an answer', () => frames.find((one) => one['ref'] === ref));
    },
    cut: () => until('it is cut', () => closeCode),
  };
}

describe('a WebSocket', () => {
  test('publishes within the delegation, until the session ends', async (t) => {
    const session = await signInSiwx(site.url, await walletOf(3));
    const owner = await ownerOf(session);
    const inbox = new TenantInbox(site.node, owner);
    const line = await connect(session);
    t.after(() => line.close());
    const answer = await line.publish('hi');
    assert.deepEqual([answer['type'], answer['namespace']], ['published', 'default']);
    await until('it is delivered', () => inbox.has('hi'));
    const message = await until('to itself too', () => line.frames.find(({ type }) => type === 'message'));
    assert.equal(message['namespace'], 'default');
    await post(site.url, '/v1/auth/logout', { refresh_token: session.refresh_token });
    assert.equal(await line.cut(), 4001);
  });

  test('of an operator-held namespace publishes until its credential ends, too', async (t) => {
    const session = await signIn(site.url, await walletOf(4));
    const line = await connect(session);
    t.after(() => line.close());
    assert.equal((await line.publish('hi'))['type'], 'published');
    await post(site.url, '/v1/auth/logout', { refresh_token: session.refresh_token });
    assert.equal(await line.cut(), 4001);
  });

  test('of a client that signs itself listens, and publishes nothing unsigned', async (t) => {
    const key = new ClientKey();
    const session = await signInSiwx(site.url, await walletOf(5), { audience: key.did });
    const owner = await ownerOf(session);
    const line = await connect(session);
    t.after(() => line.close());
    assert.equal((await line.publish('x'))['code'], 'forbidden');
    const author = key.author([Buffer.from(session.delegation, 'base64')]);
    const draft = { owner, namespace: 'default', topic: 'hello', messages: [Buffer.from('signed')] };
    const headers = { 'content-type': 'application/cbor', ...bearer(session) };
    const body = Uint8Array.from(await author.signEnvelope(draft));
    const carried = await fetch(`${site.url}/v1/pubsub/envelopes`, { method: 'POST', body, headers });
    assert.equal(carried.status, 200);
    const message = await until('it comes', () => line.frames.find(({ type }) => type === 'message'));
    assert.deepEqual([message['namespace'], message['author']], ['default', key.did]);
  });
});
