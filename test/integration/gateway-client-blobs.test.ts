/** Large values through the SDK, over connections that break. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createClient } from '../../gateway/client/index.ts';
import { pattern, piecesOf } from '../support/blobs.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const MIB = 2 ** 20;
const BYTES = pattern(4 * MIB + 3);
const CUTS = { cuts: 3, afterBytes: 1.3 * MIB };

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function notSent(): never {
  assert.fail('it was sent');
}

describe('a large value in the SDK', () => {
  test('is put of bytes, of a Blob or of a stream, and got whole or as it comes', async () => {
    const kv = createClient({ url: site.url }).kv('large');
    for (const size of [0, 100, MIB, MIB + 1]) {
      const bytes = BYTES.slice(0, size);
      for (const [how, source] of [
        ['bytes', bytes],
        ['blob', new Blob([bytes])],
        ['stream', ReadableStream.from(piecesOf(bytes, 70_001))],
      ] as const) {
        const key = `${how}-${size}`;
        const seen: number[] = [];
        const written = await kv.put(key, source, {
          contentType: 'image/x-odd',
          onProgress: (done) => seen.push(done),
        });
        assert.equal(seen.at(-1), size > MIB || (how === 'stream' && size === MIB) ? size : undefined, key);
        const value = await kv.get(key);
        assert.deepEqual(
          [value?.etag, value?.size, value?.contentType, hashOf(value?.bytes ?? new Uint8Array())],
          [written.etag, size, 'image/x-odd', hashOf(bytes)],
          key,
        );
        const opened = await kv.open(key, { start: Math.min(size, 3) });
        if (size > 3) assert.equal(hashOf((await opened?.bytes()) ?? bytes), hashOf(bytes.subarray(3)), key);
        assert.equal(opened?.size, size);
      }
    }
    assert.equal(await kv.open('none'), null);
    await assert.rejects(kv.open('blob-100', { start: 1, ifMatch: '"1-0-x"' }), {
      code: 'precondition_failed',
    });
    // before anything is sent
    const { etag } = (await kv.head('bytes-100')) ?? {};
    for (const [key, condition] of [
      ['bytes-100', { ifAbsent: true }],
      ['bytes-100', { ifMatch: '"1-0-x"' }],
      ['none', { ifMatch: '*' }],
    ] as const) {
      const put = kv.put(key, BYTES, { ...condition, onProgress: notSent });
      await assert.rejects(put, { code: 'precondition_failed', status: 412 });
    }
    await kv.put('bytes-100', BYTES, { ifMatch: etag ?? '' });
    await kv.put('bytes-100', BYTES, { ifMatch: '*' });
  });

  test('goes in although the connection breaks, and nothing of it is left beside', async () => {
    await using proxy = await CuttingProxy.to(site.url, CUTS);
    const client = createClient({ url: proxy.url });
    const bytes = pattern(BYTES.byteLength, 99);
    const seen: number[] = [];
    const pinned = await client.blobs('cut').put(ReadableStream.from(piecesOf(bytes, 65_536)), {
      onProgress: (done) => seen.push(done),
    });
    assert.equal(proxy.cuts, CUTS.cuts);
    assert.deepEqual([pinned.size, seen.at(-1)], [bytes.byteLength, bytes.byteLength]);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    const blob = await createClient({ url: site.url }).blobs('cut').get(pinned.cid);
    assert.equal(hashOf((await blob?.bytes()) ?? new Uint8Array()), hashOf(bytes));
  });

  test('comes out although the connection breaks', async () => {
    const { cid } = await createClient({ url: site.url }).blobs('cut').put(BYTES, { contentType: 'text/x' });
    await using proxy = await CuttingProxy.to(site.url, CUTS);
    const blobs = createClient({ url: proxy.url }).blobs('cut');
    const blob = await blobs.get(cid);
    assert.deepEqual([blob?.size, blob?.contentType], [BYTES.byteLength, 'text/x']);
    assert.equal(hashOf((await blob?.bytes()) ?? new Uint8Array()), hashOf(BYTES));
    assert.equal(proxy.cuts, CUTS.cuts);
    const { blobs: entries } = await blobs.list({ limit: 1 });
    assert.equal(entries.length, 1);
    assert.match((await blobs.delete(cid)).key, /^blobs\/b/);
    assert.equal(await blobs.get(cid), null);
  });

  test('that changes while it is read ends with an error, not with a mixture', async () => {
    const kv = createClient({ url: site.url }).kv('large');
    await kv.put('changing', BYTES);
    await using proxy = await CuttingProxy.to(site.url, { cuts: 1, afterBytes: 1.3 * MIB });
    const value = await createClient({ url: proxy.url }).kv('large').open('changing');
    const reader = value?.stream().getReader();
    await reader?.read();
    await kv.put('changing', BYTES.subarray(1));
    const rest = async (): Promise<void> => {
      for (let next = await reader?.read(); next?.done === false; next = await reader?.read());
    };
    await assert.rejects(rest(), { code: 'precondition_failed' });
  });

  test('ends when its caller wants no more', async () => {
    const client = createClient({ url: site.url });
    const controller = new AbortController();
    const put = client.kv('large').put('ended', BYTES, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await assert.rejects(put, /enough/);
    const uploads = client.uploads('large');
    const { id, offset } = await uploads.begin();
    assert.equal(offset, 0);
    assert.equal((await uploads.state(id)).complete, false);
    await uploads.cancel(id);
    await assert.rejects(uploads.state(id), { code: 'not_found' });
  });
});
