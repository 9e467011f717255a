import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesOfAll } from '../support/blobs.ts';
import { assertServed, careOf, type Kept, startKept, valueOf } from '../support/kept-nodes.ts';
import { startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { NO_MOUNT, smallDisk } from '../support/small-disk.ts';
import { codeOf, holders, named } from '../support/storage.ts';

const NEVER = new AbortController().signal;
const FLIPS = 100;
const FAST = 2 ** 30;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Files that hold what is stored, of at least a page. */
function filesOf(data: string): string[] {
  const storage = join(data, 'storage');
  const names = readdirSync(storage, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && (entry.name === 'records.db' || entry.parentPath.includes('blocks')))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Flips bits in random places of all these files, each byte as likely as any other. */
function flip(paths: readonly string[], count: number): void {
  const sizes = paths.map((path) => statSync(path).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (let n = 0; n < count; n++) {
    let at = Math.floor(Math.random() * total);
    const index = sizes.findIndex((size) => {
      if (at < size) return true;
      at -= size;
      return false;
    });
    const path = paths[index] ?? '';
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
    writeFileSync(path, bytes);
  }
}

test('flipped bits are found by a scrub and repaired from other nodes, and none is ever served', async (t) => {
  const kept = await startKept(t, 3);
  const [first] = kept as [Kept];
  const sizes = new Map<string, number>();
  for (let n = 0; n < 60; n++) sizes.set(`record-${n}`, 20 * KIB);
  for (let n = 0; n < 6; n++) sizes.set(`blob-${n}`, 200 * KIB + n);
  for (const [key, length] of sizes) {
    await first.node.storage.put(named(key), valueOf(key, length), { durability: 'all' });
  }
  // what stands in the log stands in the file, too
  await careOf(first).collect({ signal: NEVER });
  flip(filesOf(first.data), FLIPS);

  for (const [key, length] of sizes) await assertServed(first.node, key, length);
  const report = await careOf(first).scrub({ bytesPerSecond: FAST, signal: NEVER });
  assert.deepEqual(report.unrepaired, [], JSON.stringify(report));
  const { records, blocks } = report;
  assert.ok(records.broken + blocks.broken > 0);
  assert.equal(records.repaired, report.reset === null ? records.broken : 0);
  assert.equal(blocks.repaired, blocks.broken);
  for (const [key, length] of sizes) {
    await until(`${key} is whole everywhere`, async () => {
      const found = await holders(first.node, key);
      return found.length === 3 && found.every(({ etag, isWhole }) => etag !== null && isWhole !== false);
    });
    await assertServed(first.node, key, length);
  }
  const again = await careOf(first).scrub({ bytesPerSecond: FAST, signal: NEVER });
  assert.deepEqual([again.records.broken, again.blocks.broken, again.reset], [0, 0, null]);
  assert.ok(again.records.read >= sizes.size && again.blocks.read > 0, JSON.stringify(again));
});

/** Disk space used by files. */
function diskUse(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0);
}

test('what was deleted is given back to the disk by a collection', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const { storage } = kept.node;
  const lengths = [2 * KIB, 12 * KIB, 60 * KIB, 300 * KIB, 1100 * KIB];
  const keys = Array.from({ length: 100 }, (_, n) => ({
    key: `key-${n}`,
    length: lengths[n % lengths.length] ?? 0,
  }));
  for (const { key, length } of keys) await storage.put(named(key), valueOf(key, length));
  const before = diskUse(join(kept.data, 'storage'));
  const gone = keys.filter((_, n) => Math.floor(n / lengths.length) % 5 !== 0);
  for (const { key } of gone) await storage.delete(named(key));
  const report = await careOf(kept).collect({ signal: NEVER });
  assert.equal(report.blobs, gone.filter(({ length }) => length > 64 * KIB).length, JSON.stringify(report));

  const rest = keys.filter((one) => !gone.includes(one));
  const wanted = rest.reduce((sum, { length }) => sum + length, 0);
  const after = diskUse(join(kept.data, 'storage'));
  assert.ok(after <= 1.15 * wanted, `${after} of ${before} for ${wanted}`);
  for (const { key, length } of rest) await assertServed(kept.node, key, length);
  assert.equal(await storage.get(named(gone[0]?.key ?? '')), null);
  await storage.put(named('again'), valueOf('again', MIB));
  await assertServed(kept.node, 'again', MIB);
});

test('a full disk refuses records and blobs by name, reads go on, and it recovers', {
  skip: NO_MOUNT,
}, async (t) => {
  const disk = smallDisk(t, 40 * MIB);
  if (disk === null) return t.skip('mounting a tmpfs is not allowed here');
  // what is mounted goes first after a test: the node must have stopped by then
  await using stack = new AsyncDisposableStack();
  const node = await startNode(t, { data: join(disk, 'data') });
  stack.defer(() => node.stop());
  await node.storage.put(named('record'), valueOf('record', 10 * KIB));
  await node.storage.put(named('blob'), valueOf('blob', 200 * KIB));
  const ballast = join(disk, 'ballast');
  // to the last byte
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=65536']);
  const refused = async (key: string, length: number): Promise<string | null> =>
    codeOf(node.storage.put(named(key), valueOf(key, length)));
  assert.equal(await refused('more', 200 * KIB), 'no_room');
  let code: string | null = null;
  // the log has some room left
  for (let n = 0; n < 200 && code === null; n++) code = await refused(`more-${n}`, 60 * KIB);
  assert.equal(code, 'no_room');
  await assertServed(node, 'record', 10 * KIB);
  await assertServed(node, 'blob', 200 * KIB);
  rmSync(ballast);
  await until('both are taken again', async () => {
    return (await refused('late', 60 * KIB)) === null && (await refused('late-blob', 200 * KIB)) === null;
  });
  await assertServed(node, 'late', 60 * KIB);
  await assertServed(node, 'late-blob', 200 * KIB);
});

test('records and blobs share the capacity of a node and the quota of a namespace', async (t) => {
  const settings = { 'storage.capacityBytes': 2 * MIB, 'storage.namespaceBytes': MIB };
  const [{ node }] = (await startKept(t, 1, settings)) as [Kept];
  const put = (key: string, length: number, namespace: string): Promise<string | null> =>
    codeOf(node.storage.put(named(key, namespace), valueOf(key, length)));
  assert.equal(await put('blob', 900 * KIB, 'one'), null);
  // the blob counts for records …
  const codes = [];
  for (let n = 0; n < 4; n++) codes.push(await put(`record-${n}`, 60 * KIB, 'one'));
  assert.equal(codes[0], null);
  assert.equal(codes.at(-1), 'over_quota');
  assert.equal(await put('another blob', 900 * KIB, 'two'), null);
  for (let n = 0; n < 4; n++) codes.push(await put(`record-${n}`, 60 * KIB, 'three'));
  assert.equal(codes.at(-1), 'no_room');
  // … and makes room once it is deleted
  await node.storage.delete(named('another blob', 'two'));
  assert.equal(await put('late', 60 * KIB, 'three'), null);
});

test('a catalogue of blobs that is damaged while the node runs is made anew from records and blocks', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const sizes = [100 * KIB, 1500 * KIB];
  for (const length of sizes)
    await kept.node.storage.put(named(`blob-${length}`), valueOf(`blob-${length}`, length));
  await careOf(kept).collect({ signal: NEVER });
  const path = join(kept.data, 'storage/blobs/catalogue.db');
  const bytes = readFileSync(path);
  bytes.fill(0x55, 4096, bytes.length);
  writeFileSync(path, bytes);
  const report = await careOf(kept).scrub({ bytesPerSecond: FAST, signal: NEVER });
  assert.deepEqual([report.records.broken, report.reset], [0, null]);
  for (const length of sizes) {
    await until('the blob is known again', async () => {
      const record = await kept.node.storage.get(named(`blob-${length}`));
      return record !== null && (await codeOf(bytesOfAll(record.read()))) === null;
    });
    await assertServed(kept.node, `blob-${length}`, length);
  }
});
