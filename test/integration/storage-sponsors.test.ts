import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MaillonNode, RecordName } from '../../node/index.ts';
import { startNode } from '../support/node.ts';
import { scratch, until } from '../support/processes.ts';
import { codeOf, idOf, known, textOf } from '../support/storage.ts';

const KEYS = Array.from({ length: 12 }, (_, n) => `k/${n}`);

/** A machine of whoever has this key, which takes nothing without an owner. */
function machine(
  t: TestContext,
  ownerKey: string,
  through: readonly MaillonNode[] = [],
): Promise<MaillonNode> {
  return startNode(t, { settings: { 'identity.ownerKey': ownerKey }, through });
}

function of(owner: MaillonNode, key: string): RecordName {
  return { owner: owner.owner, namespace: 'mine', key };
}

/** Those that are replicas of a key, and hold what `etag` names. */
async function homesOf(node: MaillonNode, name: RecordName): Promise<string[]> {
  const { holders } = await node.storage.where(name);
  return holders.flatMap(({ id, role, isSynced }) => (role === 'replica' && isSynced === true ? [id] : []));
}

test('a machine of somebody else takes nothing away from what was promised; one of the same owner becomes a replica', async (t) => {
  const keys = scratch(t);
  const first = await machine(t, join(keys, 'alice'));
  for (const key of KEYS) {
    const receipt = await first.storage.put(of(first, key), Buffer.from(key));
    assert.deepEqual([receipt.durable, receipt.expiresAt, receipt.wanted], [true, null, 3]);
  }
  const stranger = await machine(t, join(keys, 'bob'), [first]);
  await known([first, stranger], 2);
  await until('the stranger has a copy on top', async () => {
    const { holders } = await first.storage.where(of(first, 'k/0'));
    return holders.some(
      ({ id, role, etag }) => id === idOf(stranger) && role === 'fallback' && etag !== null,
    );
  });
  for (const key of KEYS) {
    assert.deepEqual(await homesOf(first, of(first, key)), [idOf(first)]);
    assert.deepEqual(await homesOf(stranger, of(first, key)), [idOf(first)]);
  }
  const receipt = await first.storage.put(of(first, 'after'), Buffer.from('after'));
  assert.deepEqual([receipt.durable, receipt.expiresAt, receipt.replicaSet], [true, null, [idOf(first)]]);
  await stranger.stop();
  const list = await first.storage.list({ owner: first.owner, namespace: 'mine' });
  assert.equal(list.entries.length, KEYS.length + 1);
  assert.ok(list.entries.every(({ expiresAt }) => expiresAt === null));
  assert.deepEqual([list.degraded, list.copies], [false, { live: 1, wanted: 3 }]);

  const second = await machine(t, join(keys, 'alice'), [first]);
  await until('it has its share', () => second.storage.status().isReady);
  for (const key of [...KEYS, 'after']) {
    await until('both are replicas', async () => (await homesOf(first, of(first, key))).length === 2);
  }
  await until('nothing is to be copied', async () => {
    const found = await Promise.all(
      KEYS.map((key) => second.storage.get(of(first, key), { consistency: 'one' })),
    );
    return found.every((one) => one !== null);
  });
  await first.stop();
  for (const key of [...KEYS, 'after']) {
    const record = await second.storage.get(of(second, key));
    assert.deepEqual([textOf(record), record?.expiresAt, record?.degraded], [key, null, true]);
  }
  const rest = await second.storage.list({ owner: second.owner, namespace: 'mine' });
  assert.deepEqual([rest.entries.length, rest.degraded], [KEYS.length + 1, true]);
  assert.equal(
    await codeOf(second.storage.put(of(second, 'new'), Buffer.from('1'))),
    'insufficient_replicas',
  );
  const one = await second.storage.put(of(second, 'new'), Buffer.from('1'), { durability: 'one' });
  assert.deepEqual([one.replicas, one.durable], [[idOf(second)], true]);
});
