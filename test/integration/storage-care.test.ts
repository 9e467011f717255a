import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MaillonNode, StorageMaintenance } from '../../node/index.ts';
import { startNode } from '../support/node.ts';
import { scratch, until } from '../support/processes.ts';
import { holders, idOf, known, named, read } from '../support/storage.ts';

const NEVER = new AbortController().signal;
const FLIPS = 100;
const FAST = 2 ** 30;
const KEYS = 120;
const VALUE_BYTES = 20_000;

function maintenanceOf(node: MaillonNode): StorageMaintenance {
  const { maintenance } = node;
  assert.ok(maintenance !== null);
  return maintenance;
}

/** The same for the same key. */
function valueOf(key: string): Buffer {
  const value = Buffer.alloc(VALUE_BYTES);
  for (let at = 0; at < value.length; at++) value[at] = (at * 31 + key.charCodeAt(at % key.length)) & 0xff;
  return value;
}

test('flipped bits are found by a scrub and repaired from other nodes, and none is ever served', async (t) => {
  const directories = Array.from({ length: 3 }, () => scratch(t));
  const first = await startNode(t, { data: directories[0] as string });
  const nodes = [first];
  for (const data of directories.slice(1)) nodes.push(await startNode(t, { data, through: [first] }));
  await known(nodes, 3);
  const keys = Array.from({ length: KEYS }, (_, n) => `key-${n}`);
  for (const key of keys) await first.storage.put(named(key), valueOf(key), { durability: 'all' });
  const path = join(directories[0] as string, 'storage/records/records.db');
  // what stands in the log stands in the file, too
  await maintenanceOf(first).collect({ signal: NEVER });

  const size = statSync(path).size;
  const bytes = readFileSync(path);
  for (let flip = 0; flip < FLIPS; flip++) {
    const at = Math.floor(Math.random() * size);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  }
  writeFileSync(path, bytes);

  const report = await maintenanceOf(first).scrub({ bytesPerSecond: FAST, signal: NEVER });
  assert.ok(report.records.broken > 0, JSON.stringify(report));
  assert.deepEqual(report.unrepaired, []);
  for (const key of keys) {
    await until(`${key} is whole everywhere`, async () => {
      const found = await holders(first, key);
      return found.length === 3 && found.every(({ etag }) => etag !== null);
    });
    for (const consistency of ['one', 'majority'] as const) {
      const record = await first.storage.get(named(key), { consistency });
      assert.ok(record !== null && valueOf(key).equals(record.value as Uint8Array), key);
    }
  }
  const again = await maintenanceOf(first).scrub({ bytesPerSecond: FAST, signal: NEVER });
  assert.equal(again.records.broken, 0);
  assert.equal(again.records.read >= KEYS, true, JSON.stringify(again));
});
