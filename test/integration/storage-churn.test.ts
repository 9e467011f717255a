import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Holder, MaillonNode } from '../../node/index.ts';
import { bytesOfAll, pattern } from '../support/blobs.ts';
import { startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { holders, idOf, known, named, startMembers } from '../support/storage.ts';

const MIB = 2 ** 20;
const REPLICAS = 3;
/** Longer than it takes to join, so that both sides of it are seen. */
const SETTINGS = { 'storage.downTimeoutMs': 8_000 };
const LONG = Array.from({ length: 4 }, (_, n) => ({ key: `long/${n}`, value: pattern(2 * MIB + 1000 * n) }));

/** A key of every partition. */
async function keysOfAll(node: MaillonNode): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let n = 0; keys.size < 16; n++) {
    const { partition } = await node.storage.where(named(`short/${n}`));
    if (!keys.has(partition)) keys.set(partition, `short/${n}`);
  }
  return [...keys.values()];
}

function isCopy({ isLive, etag, isWhole }: Holder): boolean {
  return isLive && etag !== null && isWhole !== false;
}

/** Resolves when every key has so many copies, and every long one of all its bytes. */
async function copied(
  node: MaillonNode,
  keys: readonly string[],
  isEnough: (held: readonly Holder[]) => boolean,
) {
  await until('all copies are there', async () => {
    for (const key of keys) if (!isEnough(await holders(node, key))) return false;
    return true;
  });
}

test('one is lost for good and another joins: writes go on, and all copies are there again, of blobs, too', async (t) => {
  const nodes = await startMembers(t, 4, { settings: SETTINGS });
  const [first, lost] = nodes as [MaillonNode, MaillonNode];
  const short = await keysOfAll(first);
  const keys = [...short, ...LONG.map(({ key }) => key)];
  for (const key of short) await first.storage.put(named(key), Buffer.from(key));
  for (const { key, value } of LONG) await first.storage.put(named(key), value);

  const lostId = idOf(lost);
  await lost.stop();
  const late = await startNode(t, { through: [first], settings: SETTINGS });
  const others = nodes.filter((node) => node !== lost);
  await until('it is one of them, and knows of the one it never saw', () => {
    return [...others, late].every(({ storage }) => storage.status().members === 5);
  });
  // wherever both would be replicas only one of the former replicas is left beside the newcomer: it has to count
  for (const node of [first, late]) {
    for (const key of short) await node.storage.put(named(key), Buffer.from(`${key} again`));
  }
  await copied(first, keys, (held) => held.filter(isCopy).length >= REPLICAS);

  await known([...others, late], 4);
  await copied(late, keys, (held) => {
    const replicaSet = held.filter(({ role }) => role === 'replica');
    return (
      replicaSet.length === REPLICAS &&
      replicaSet.every((replica) => isCopy(replica) && replica.isSynced === true)
    );
  });
  const all = await Promise.all(keys.map((key) => holders(late, key)));
  assert.ok(all.flat().some(({ id }) => id === idOf(late)));
  assert.ok(all.flat().every(({ id }) => id !== lostId));
  for (const { key, value } of LONG) {
    const record = await late.storage.get(named(key), { consistency: 'majority' });
    assert.ok(record !== null && (await bytesOfAll(record.read())).equals(value));
  }
});
