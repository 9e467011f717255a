/** Reserved space of uploads that are refused, break off, or are abandoned. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type ClientError, createClient } from '../../gateway/client/index.ts';
import type { Config } from '../../node/index.ts';
import { MAIN, Program, scratch, until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { Shell } from '../support/shell.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const MB = 1_000_000;

async function start(
  t: TestContext,
  settings: Partial<Config>,
  role: 'full' | 'light' = 'full',
): Promise<Site> {
  const site = await startSite({ settings, role });
  t.after(() => site[Symbol.asyncDispose]());
  return site;
}

const call = async (site: Site, path: string, init?: RawRequest): Promise<RawAnswer> =>
  rawRequest(site.url, path, init);
const put = async (site: Site, path: string, size: number): Promise<RawAnswer> =>
  call(site, path, { method: 'PUT', body: randomBytes(size) });

function outcome({ status, body }: RawAnswer): [number, string | undefined] {
  return [status, body?.code];
}

function roomOf(site: Site): { used: number; uploads: number } {
  const { usedBytes, uploads } = site.node.storage.status();
  return { used: usedBytes, uploads: uploads.count };
}

/** Without a length, so that nobody knows how much comes; stops when it is answered. */
async function putChunked(site: Site, path: string, size: number): Promise<[number, string | undefined]> {
  const { hostname, port } = new URL(site.url);
  const sent = httpRequest({ host: hostname, port, path, method: 'PUT' });
  sent.on('error', () => undefined);
  const answered = once(sent, 'response');
  const client = { isAnswered: false };
  void answered.then(() => {
    client.isAnswered = true;
  });
  for (let at = 0; at < size && !client.isAnswered; at += MB) {
    if (!sent.write(randomBytes(MB))) await Promise.race([once(sent, 'drain'), answered]);
  }
  sent.end();
  const [one] = (await answered) as [IncomingMessage];
  const body = JSON.parse((await buffer(one)).toString());
  sent.destroy();
  return [one.statusCode ?? 0, body.code];
}

/** The head of a put, and nothing of its body. */
function announce(site: Site, path: string, size: number, headers = ''): Socket {
  const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${size}\r\n${headers}\r\n`);
  return socket;
}

async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  while (!text.includes('}')) text += (await once(socket, 'data'))[0] as Buffer;
  socket.destroy();
  return text;
}

test('a node of 50 MB refuses 100 MB, and takes 30 MB right after, without a collection', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  assert.deepEqual(await putChunked(site, '/v1/kv/n/large', 100 * MB), [507, 'no_room']);
  const { used, uploads } = roomOf(site);
  assert.ok(used < MB && uploads === 0, `${used} bytes of ${uploads} uploads are left`);
  assert.equal((await put(site, '/v1/kv/n/fits', 30 * MB)).status, 200);
});

test('a namespace that is refused more than its quota can use all of it right after', async (t) => {
  const site = await start(t, { 'storage.namespaceBytes': 10 * MB });
  assert.deepEqual(await putChunked(site, '/v1/kv/n/large', 15 * MB), [507, 'over_quota']);
  assert.equal((await put(site, '/v1/kv/n/fits', 9 * MB)).status, 200);
  assert.deepEqual(outcome(await put(site, '/v1/kv/n/more', 2 * MB)), [507, 'over_quota']);
  assert.equal((await put(site, '/v1/kv/other/fits', 2 * MB)).status, 200);
});

test('what cannot fit is refused before its bytes, with what is free and what was wanted', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB, 'storage.namespaceBytes': 20 * MB });
  for (const headers of ['', 'Expect: 100-continue\r\n']) {
    const answer = await answerOf(announce(site, '/v1/kv/n/large', 25 * MB, headers));
    assert.match(answer, /^HTTP\/1.1 507 [^]*"code":"over_quota"/, headers);
    assert.match(
      answer,
      /25MB do not fit: the namespace has 20MB left; delete something, or have its quota raised/,
    );
    assert.match(answer, /"wantedBytes":25000000,"freeBytes":20000000/);
  }
  const blob = await call(site, '/v1/blobs?namespace=n', {
    method: 'POST',
    headers: { 'content-length': String(25 * MB) },
  }).catch(() => null);
  assert.deepEqual(blob && outcome(blob), [507, 'over_quota']);
  assert.equal((await put(site, '/v1/kv/one/k', 19 * MB)).status, 200);
  assert.equal((await put(site, '/v1/kv/two/k', 19 * MB)).status, 200);
  const answer = await answerOf(announce(site, '/v1/kv/three/k', 19 * MB));
  assert.match(
    answer,
    /^HTTP\/1.1 507 [^]*19MB do not fit: this node has 1\d(\.\d)?MB left; delete something, raise storage.capacityBytes/,
  );
});

test('two that are announced at once do not both begin where only one fits', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  const first = announce(site, '/v1/kv/n/first', 30 * MB);
  first.write(randomBytes(2 * MB));
  await until('the first is on its way', () => roomOf(site).uploads === 1);
  assert.match(await answerOf(announce(site, '/v1/kv/n/second', 30 * MB)), /^HTTP\/1.1 507 [^]*no_room/);
  first.resetAndDestroy();
  await until('the room of the first is free again', () => roomOf(site).uploads === 0);
  assert.equal((await put(site, '/v1/kv/n/second', 30 * MB)).status, 200);
});

test('a put that breaks off in the middle leaves nothing', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  const { used: before } = roomOf(site);
  const socket = announce(site, '/v1/kv/n/k', 45 * MB);
  socket.write(randomBytes(20 * MB));
  await until('some of it is noted', () => roomOf(site).used > 8 * MB);
  socket.resetAndDestroy();
  await until('all of it is gone', () => roomOf(site).used === before && roomOf(site).uploads === 0);
  assert.equal((await put(site, '/v1/kv/n/k', 45 * MB)).status, 200);
});

test('a resumable upload that cannot fit is not begun, and one that is refused is ended', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  const begin = async (length: number | null): Promise<RawAnswer> =>
    call(site, '/v1/uploads?namespace=n', {
      method: 'POST',
      headers: length === null ? {} : { 'upload-length': String(length) },
    });
  assert.deepEqual(outcome(await begin(60 * MB)), [507, 'no_room']);
  for (const bad of ['x', '-1']) {
    const answer = await call(site, '/v1/uploads', { method: 'POST', headers: { 'upload-length': bad } });
    assert.deepEqual(outcome(answer), [400, 'bad_upload']);
  }
  assert.equal(roomOf(site).uploads, 0);
  const { body } = await begin(null);
  const path = `/v1/uploads/${body.id}?namespace=n`;
  const patch = async (offset: number, size: number): Promise<RawAnswer> =>
    call(site, path, {
      method: 'PATCH',
      body: randomBytes(size),
      headers: {
        'content-type': 'application/partial-upload',
        'upload-offset': String(offset),
        'upload-complete': '?0',
      },
    });
  const { body: state } = await patch(0, 30 * MB);
  assert.equal(roomOf(site).uploads, 1);
  assert.deepEqual(outcome(await patch(state.offset, 30 * MB)), [507, 'no_room']);
  assert.deepEqual(outcome(await call(site, path)), [404, 'not_found']);
  assert.ok(roomOf(site).used < MB, 'its room is free');
});

test('an upload whose client went away ends by itself, and its room is free', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB, 'storage.uploadLifeMs': 1000 });
  const uploads = createClient({ url: site.url }).uploads('n');
  const { id } = await uploads.begin();
  const headers = {
    'content-type': 'application/partial-upload',
    'upload-offset': '0',
    'upload-complete': '?0',
  };
  const path = `/v1/uploads/${id}?namespace=n`;
  assert.equal((await call(site, path, { method: 'PATCH', body: randomBytes(5 * MB), headers })).status, 200);
  assert.equal((await uploads.state(id)).complete, false, 'for a while it can be gone on with');
  await until('it has ended', () => roomOf(site).uploads === 0 && roomOf(site).used < MB, 60_000);
  assert.deepEqual(outcome(await call(site, path)), [404, 'not_found']);
});

test('what is deleted makes room for what needs it at once', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  assert.equal((await put(site, '/v1/kv/n/old', 40 * MB)).status, 200);
  assert.deepEqual(outcome(await put(site, '/v1/kv/n/new', 40 * MB)), [507, 'no_room']);
  assert.equal((await call(site, '/v1/kv/n/old', { method: 'DELETE' })).status, 200);
  assert.equal((await put(site, '/v1/kv/n/new', 40 * MB)).status, 200);
});

test('the SDK and the command line hear of it before they send', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB });
  const written = (): number => site.node.storage.status().usedBytes;
  const before = written();
  const client = createClient({ url: site.url });
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += MB;
      controller.enqueue(randomBytes(MB));
    },
  });
  for (const [source, options] of [
    [new Blob([randomBytes(60 * MB)]), {}],
    [stream, { size: 60 * MB }],
  ] as const) {
    const refused = client.kv('n').put('large', source, options);
    await assert.rejects(refused, (error: ClientError) => {
      assert.deepEqual([error.code, error.status, error.detail?.['wantedBytes']], ['no_room', 507, 60 * MB]);
      return true;
    });
  }
  assert.ok(sent < 10 * MB, `${sent} bytes were taken from the stream`);

  const file = join(scratch(t), 'large');
  writeFileSync(file, randomBytes(60 * MB));
  const shell = new Shell({ env: { MAILLON_URL: site.url } });
  t.after(() => shell.end());
  const { exit, stderr } = await shell.run(['put', 'large', '--file', file]);
  assert.equal(exit, 1);
  assert.match(
    stderr,
    /^maillon: 60MB do not fit: this node has \d+(\.\d)?MB left; .* \(see what is free: maillon storage status\)\n$/,
  );
  // as a shell does it: the size of what is redirected is known, too
  const redirected = `exec "${process.execPath}" "${MAIN}" put large < "${file}"`;
  const program = new Program(t, 'sh', ['-c', redirected], { env: { MAILLON_URL: site.url } });
  assert.equal(await program.exit, 1);
  assert.match(program.stderr, /^maillon: 60MB do not fit/);
  assert.equal(written(), before, 'nothing of it came to the disk');
});

test('the status of a node counts blobs, uploads and what is free', async (t) => {
  const site = await start(t, { 'storage.capacityBytes': 50 * MB, 'storage.namespaceBytes': 30 * MB });
  assert.equal((await put(site, '/v1/kv/n/k', 10 * MB)).status, 200);
  const open = announce(site, '/v1/kv/m/k', 20 * MB);
  open.write(randomBytes(12 * MB));
  await until('an upload is under way', () => site.node.storage.status().uploads.bytes > 8 * MB);
  const { body: status } = await call(site, '/v1/network/storage');
  assert.ok(status.blobs.bytes > 18 * MB && status.usedBytes > status.blobs.bytes);
  assert.ok(status.availableBytes < 20.1 * MB, 'what was announced is not free');
  assert.equal(status.uploads.count, 1);
  const [space] = status.namespaces;
  assert.deepEqual([space.namespace, space.blobBytes], ['n', 10 * MB]);
  assert.ok(space.availableBytes <= 20 * MB && space.availableBytes > 19 * MB);
  const { body: whole } = await call(site, '/v1/status');
  assert.deepEqual(whole.node.storage.uploads.count, 1);
  const shell = new Shell({ env: { MAILLON_URL: site.url } });
  t.after(() => shell.end());
  const { stdout } = await shell.run(['storage', 'status']);
  assert.match(stdout, /blobs +1 in \d+(\.\d)?MB, with what is being uploaded\n/);
  assert.match(stdout, /uploads +1 under way, \d+(\.\d)?MB of them here\n/);
  assert.match(stdout, /room +\d+(\.\d)?MB used of 50MB, \d+(\.\d)?MB free\n/);
  assert.match(stdout, /NAMESPACE +KEYS +STORED +LEFT\nn@did:key:\w+ +1 +10MB +20MB/);
  open.destroy();
});
