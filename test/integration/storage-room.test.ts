/** The room of large values on their way through a node that keeps nothing, and at the replicas that refuse them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { piecesOf } from '../support/blobs.ts';
import { startNode } from '../support/node.ts';
import { scratch, until } from '../support/processes.ts';
import { codeOf, known, named } from '../support/storage.ts';

const MB = 1_000_000;

function put(node: MaillonNode, key: string, size: number, announced = true): Promise<unknown> {
  const options = announced ? { size } : {};
  return node.storage.put(named(key), piecesOf(randomBytes(size), 100_000), options);
}

function usedBy(node: MaillonNode): number {
  return node.storage.status().blobs.bytes;
}

test('a light node refuses what its own disk cannot take, and keeps nothing of what passed through', async (t) => {
  const full = await startNode(t);
  const settings = { 'storage.capacityBytes': 10 * MB };
  const light = await startNode(t, { through: [full], role: 'light', settings });
  await known([light], 1);
  let taken = 0;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (; taken < 15 * MB; taken += MB) yield randomBytes(MB);
  };
  const refused = light.storage.put(named('large'), source(), { size: 15 * MB });
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof CodedError);
    assert.deepEqual([error.code, error.detail?.['wantedBytes']], ['no_room', 15 * MB]);
    return true;
  });
  assert.equal(taken, 0, 'not one byte was asked for');
  assert.equal(await codeOf(put(light, 'large', 15 * MB, false)), 'no_room');
  assert.equal(usedBy(light), 0);
  for (const key of ['a', 'b', 'c']) {
    await put(light, key, 8 * MB);
    assert.equal(usedBy(light), 0, `${key} is gone from here once its replicas have it`);
  }
});

test('a replica that refuses a value keeps nothing of it, nor does the node that it came through', async (t) => {
  const full = await startNode(t, { settings: { 'storage.capacityBytes': 10 * MB } });
  const light = await startNode(t, { through: [full], role: 'light' });
  await known([light], 1);
  for (const announced of [true, false]) {
    assert.equal(await codeOf(put(light, 'large', 15 * MB, announced)), 'no_room');
    assert.deepEqual([usedBy(light), usedBy(full)], [0, 0]);
  }
  await put(light, 'fits', 8 * MB);
  assert.ok(usedBy(full) > 8 * MB);
});

test('a policy bounds what a light node begins to take', async (t) => {
  const full = await startNode(t, { settings: { 'storage.namespaceBytes': 5 * MB } });
  const settings = { 'storage.namespaceBytes': 5 * MB };
  const light = await startNode(t, { through: [full], role: 'light', settings });
  await known([light], 1);
  await put(light, 'a', 3 * MB);
  assert.equal(await codeOf(light.storage.beginUpload(named('b'), { size: 6 * MB })), 'over_quota');
  // what the replicas hold already only they know
  assert.equal(await codeOf(put(light, 'b', 3 * MB)), 'over_quota');
  assert.deepEqual([usedBy(light), light.storage.status().uploads.count], [0, 0]);
  await put(light, 'c', 1 * MB);
});

test('what a put was taking when its node was stopped is gone after the next start', async (t) => {
  const data = scratch(t);
  // what is scratch goes first after a test: the nodes must have stopped by then
  await using stack = new AsyncDisposableStack();
  const node = await startNode(t, { data });
  const never = Promise.withResolvers<void>();
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 20; n++) yield randomBytes(MB);
    await never.promise;
  };
  const broken = codeOf(node.storage.put(named('k'), source()));
  await until('some of it is noted', () => node.storage.status().uploads.bytes > 8 * MB);
  const stopped = node.stop();
  never.resolve();
  await Promise.all([stopped, broken]);
  const again = await startNode(t, { data });
  stack.defer(() => again.stop());
  await until('nothing of it is left', () => {
    const { uploads, blobs } = again.storage.status();
    return uploads.count === 0 && blobs.bytes === 0;
  });
});
