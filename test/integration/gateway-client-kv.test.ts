import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ClientError, createClient, type Entry, type Kv } from '../../gateway/client/index.ts';
import { FakeStorage } from '../support/fake-storage.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
let kv: Kv;
before(async () => {
  site = await startSite();
  kv = createClient({ url: site.url }).kv('sdk');
});
after(async () => site[Symbol.asyncDispose]());

describe('values in the SDK', () => {
  test('what is put is got, described, listed and deleted', async () => {
    const written = await kv.put('héllo', 'wörld', { contentType: 'text/plain; charset=utf-8', ttl: '1h' });
    assert.deepEqual([written.namespace, written.key, written.durability], ['sdk', 'héllo', 'majority']);
    const value = await kv.get('héllo');
    assert.ok(value !== null);
    assert.equal(value.text(), 'wörld');
    const { bytes, text: _, ...head } = value;
    assert.deepEqual(bytes, new TextEncoder().encode('wörld'));
    const { etag, id, version, expiresAt } = written;
    const { author } = site.node.status();
    assert.deepEqual(head, {
      key: 'héllo',
      etag,
      id,
      version,
      contentType: 'text/plain; charset=utf-8',
      size: 6,
      author,
      time: head.time,
      expiresAt,
      degraded: false,
      blob: null,
    });
    assert.deepEqual(await kv.head('héllo'), head);
    assert.deepEqual((await kv.where('héllo')).holders[0]?.etag, etag);
    assert.equal((await kv.delete('héllo')).key, 'héllo');
    assert.equal(await kv.get('héllo'), null);
    assert.equal(await kv.head('héllo'), null);
  });

  test('bytes are bytes, whatever view they come in, and may be none', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await kv.put('bytes', all.subarray(10, 20));
    const value = await kv.get('bytes');
    assert.deepEqual([value?.bytes, value?.contentType], [all.slice(10, 20), 'application/octet-stream']);
    await kv.put('empty', '');
    assert.deepEqual([(await kv.get('empty'))?.size, (await kv.head('empty'))?.size], [0, 0]);
  });

  test('any key goes, also those that URLs rewrite', async () => {
    const keys = ['.', '..', 'a/../b', '//', '%2e', '\0', 'a b+c&d=e?f#g', 'e\u0301', '😀', 'k'.repeat(1024)];
    for (const key of keys) await kv.put(key, `value of ${key}`);
    for (const key of keys) assert.equal((await kv.get(key))?.text(), `value of ${key}`);
  });

  test('what could not be sent as it is, is refused before', async () => {
    for (const key of ['', '\ud800', '\ufeffa', 'k'.repeat(1025)]) {
      for (const call of [kv.get(key), kv.put(key, 'x'), kv.delete(key), kv.head(key), kv.where(key)]) {
        await assert.rejects(call, (error) => error instanceof ClientError && error.code === 'bad_key');
      }
    }
    for (const namespace of ['..', '', 'BAD', 'a/b']) {
      assert.throws(() => createClient({ url: site.url }).kv(namespace), { code: 'bad_namespace' });
    }
  });

  test('conditions hold, and say what there is instead', async () => {
    const first = await kv.put('cond', '1', { ifAbsent: true });
    const refused = { code: 'precondition_failed', status: 412, detail: { etag: first.etag } };
    await assert.rejects(kv.put('cond', '2', { ifAbsent: true }), refused);
    const bare = first.etag.replaceAll('"', '');
    const second = await kv.put('cond', '2', { ifMatch: bare });
    await assert.rejects(kv.put('cond', '3', { ifMatch: first.etag }), { detail: { etag: second.etag } });
    await assert.rejects(kv.delete('cond', { ifMatch: first.etag }), { code: 'precondition_failed' });
    await kv.delete('cond', { ifMatch: '*' });
    await assert.rejects(kv.delete('cond', { ifMatch: '*' }), { code: 'precondition_failed' });
  });

  test('a list comes in pages or one by one', async () => {
    const pages = createClient({ url: site.url }).kv('sdk-pages');
    for (let i = 0; i < 25; i += 1) await pages.put(`p/${String(i).padStart(2, '0')}`, '');
    await pages.put('other', '');
    const page = await pages.list({ prefix: 'p/', limit: 10 });
    assert.equal(page.entries.length, 10);
    const next = await pages.list({ prefix: 'p/', limit: 10, cursor: page.cursor ?? '' });
    assert.equal(next.entries[0]?.key, 'p/10');
    const entries: Entry[] = [];
    for await (const entry of pages.entries({ prefix: 'p/', limit: 10 })) entries.push(entry);
    assert.equal(entries.length, 25);
    assert.equal(entries.at(-1)?.key, 'p/24');
    await assert.rejects(pages.list({ limit: 1001 }), { code: 'bad_limit' });
    await assert.rejects(pages.list({ cursor: 'x' }), { code: 'bad_cursor' });
  });

  test("what the node keeps is the gateway's account", async () => {
    const storage = await createClient({ url: site.url }).storage();
    assert.equal(storage.members, 1);
    assert.ok(storage.records > 0 && storage.bytes > 0);
    assert.ok(storage.namespaces.some(({ namespace }) => namespace === 'sdk'));
  });

  test('a value from no majority is degraded; a HEAD that fails says why', async () => {
    const storage = new FakeStorage();
    await using faulty = await startSite({ storage });
    const values = createClient({ url: faulty.url }).kv();
    await values.put('k', 'v');
    storage.degraded = true;
    assert.deepEqual([(await values.get('k'))?.degraded, (await values.head('k'))?.degraded], [true, true]);
    storage.failure = Object.assign(new Error('x'), { code: 'unheard of' });
    await assert.rejects(values.head('k'), { code: 'internal', status: 500 });
  });

  test('without a gateway it is unreachable', async () => {
    const nobody = createClient({ url: 'http://127.0.0.1:1' }).kv();
    for (const call of [nobody.get('k'), nobody.head('k'), nobody.put('k', 'v'), nobody.list()]) {
      await assert.rejects(call, { code: 'unreachable', status: 0 });
    }
  });
});
