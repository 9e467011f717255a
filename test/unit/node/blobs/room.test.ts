/** When the room of what nothing needs is free again. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { Collections } from '../../../../node/blobs/collections.ts';
import { EMPTY_UPLOAD_LIFE_MS, UPLOAD_LIFE_MS } from '../../../../node/blobs/limits.ts';
import { PROFILE } from '../../../../protocols/blobs/index.ts';
import {
  NAMESPACE,
  NEVER,
  openBlobs,
  putBytes,
  readAll,
  recordReference,
} from '../../../support/blob-store.ts';
import { pattern, piecesOf } from '../../../support/blobs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch, until } from '../../../support/processes.ts';

const MIB = PROFILE.chunkBytes;

function filesIn(data: string): number {
  return globSync('storage/blobs/blocks/*/*', { cwd: data }).length;
}

/** Gives `bytes`, then breaks off. */
async function* broken(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* piecesOf(bytes, 65_536);
  throw new Error('the client left');
}

test('blocks that were written and not noted go with an upload that breaks off, unless another is about to note them', async (t) => {
  const data = scratch(t);
  const store = openBlobs(data);
  t.after(() => store.close());
  const bytes = randomBytes(3 * MIB);
  const alone = store.begin(NAMESPACE, { isResumable: false });
  await assert.rejects(alone.finish(broken(bytes), NEVER), /the client left/);
  assert.equal(filesIn(data), 0);
  await alone.cancel();

  const goOn = Promise.withResolvers<void>();
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    yield* piecesOf(bytes, MIB);
    await goOn.promise;
  };
  const other = store.begin(NAMESPACE).finish(slow(), NEVER);
  await until('the other one has written them', () => filesIn(data) === 3);
  const again = store.begin(NAMESPACE, { isResumable: false });
  await assert.rejects(again.finish(broken(bytes), NEVER), /the client left/);
  await again.cancel();
  assert.equal(filesIn(data), 3);
  goOn.resolve();
  assert.ok((await readAll(store, await other)).equals(bytes));
});

test('one that cannot be resumed is no upload for anybody else', async (t) => {
  const store = openBlobs(scratch(t));
  t.after(() => store.close());
  const { id } = store.begin(NAMESPACE, { isResumable: false });
  assert.throws(() => store.resume(NAMESPACE, id), { code: 'not_found' });
});

test('an empty upload ends sooner than one with bytes, and one that is being taken does not', async (t) => {
  const clock = new ManualClock(Date.now());
  const store = openBlobs(scratch(t), { clock });
  t.after(() => store.close());
  store.begin(NAMESPACE);
  const fed = store.begin(NAMESPACE);
  await fed.append(piecesOf(pattern(MIB), MIB), NEVER);
  const goOn = Promise.withResolvers<void>();
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    await goOn.promise;
    yield pattern(5);
  };
  const taken = store.begin(NAMESPACE).finish(slow(), NEVER);
  clock.advance(EMPTY_UPLOAD_LIFE_MS + 1);
  assert.equal((await store.collect('ended')).uploads, 1);
  clock.advance(UPLOAD_LIFE_MS);
  assert.equal((await store.collect('ended')).uploads, 1);
  assert.equal(store.usage().uploads.count, 1);
  goOn.resolve();
  assert.equal((await taken).size, 5);
});

test('what a record referred to stays for its readers until room is needed', async (t) => {
  const store = openBlobs(scratch(t), { capacityBytes: () => 3 * MIB, clock: new ManualClock(Date.now()) });
  t.after(() => store.close());
  const bytes = randomBytes(2 * MIB);
  const link = await putBytes(store, bytes);
  store.hold(recordReference('key'), link.cid);
  store.release(recordReference('key'));
  await store.collect('ended');
  assert.ok((await readAll(store, link)).equals(bytes));
  await store.makeRoom(NAMESPACE, 2 * MIB);
  assert.equal(store.stat(link.cid), null);
  assert.equal(store.usage().bytes, 0);
});

test('what is on its way to its replicas stays until it has arrived, and goes then', async (t) => {
  const store = openBlobs(scratch(t), { graceMs: 0, clock: new ManualClock(Date.now()) });
  t.after(() => store.close());
  const upload = store.begin(NAMESPACE);
  const { cid } = await upload.complete(piecesOf(randomBytes(MIB), 65_536), NEVER);
  const [one, other] = [store.retain(cid), store.retain(cid)];
  await store.resume(NAMESPACE, upload.id).cancel();
  await store.collect();
  await one();
  assert.equal(store.stat(cid)?.isComplete, true);
  await other();
  assert.equal(store.stat(cid), null);
  assert.equal(store.usage().bytes, 0);
});

test('a fetch that finds no room takes none: neither before it begins nor in the middle', async (t) => {
  const from = openBlobs(scratch(t));
  const link = await putBytes(from, randomBytes(4 * MIB));
  const asked: Uint8Array[] = [];
  const getBlock = async ({ cid }: { readonly cid: Uint8Array }): Promise<Uint8Array> => {
    asked.push(cid);
    if (asked.length === 3) capacity = 2 * MIB;
    return from.block(cid);
  };
  let capacity = 3 * MIB;
  const data = scratch(t);
  const store = openBlobs(data, { capacityBytes: () => capacity });
  t.after(() => Promise.all([store.close(), from.close()]));
  const fetched = (): Promise<void> =>
    store.fetch(link, { namespaceId: NAMESPACE, getBlock, isHashed: true, signal: NEVER });
  await assert.rejects(fetched(), { code: 'no_room' });
  assert.equal(asked.length, 0);
  capacity = 5 * MIB;
  await assert.rejects(fetched(), { code: 'no_room' });
  assert.ok(asked.length >= 3);
  assert.deepEqual([store.usage().bytes, store.namespaceBytes(NAMESPACE), filesIn(data)], [0, 0, 0]);
});

test('collections follow one another, and wait for a backup', async () => {
  const collections = new Collections();
  const order: string[] = [];
  const [begun, first] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const done = [
    collections.run(async () => {
      begun.resolve();
      await first.promise;
      order.push('first');
    }),
    collections.run(async () => void order.push('second')),
  ];
  await begun.promise;
  const pausing = collections.pause();
  first.resolve();
  const goOn = await pausing;
  assert.deepEqual(order, ['first'], 'what has not begun does not begin');
  assert.equal(await collections.run(async () => order.push('never')), null);
  goOn();
  await Promise.all(done);
  await collections.run(async () => order.push('third'));
  assert.deepEqual(order, ['first', 'third']);
});
