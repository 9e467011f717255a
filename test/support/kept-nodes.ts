/** Nodes whose stores are looked after, and what they are to hold. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config, MaillonNode, StorageMaintenance } from '../../node/index.ts';
import { bytesOfAll } from './blobs.ts';
import { startNode } from './node.ts';
import { known, named } from './storage.ts';

export interface Kept {
  node: MaillonNode;
  readonly data: string;
}

/** Nodes that know each other, and their directories, which are removed after they were stopped. */
export async function startKept(
  t: TestContext,
  count: number,
  settings: Partial<Config> = {},
): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (let n = 0; n < count; n++) {
    const data = mkdtempSync(join(tmpdir(), 'maillon-care-'));
    const through = kept.slice(0, 1).map(({ node }) => node);
    kept.push({ node: await startNode(t, { data, through, settings }), data });
  }
  t.after(async () => {
    for (const { node, data } of kept) {
      await node.stop();
      rmSync(data, { recursive: true, force: true });
    }
  });
  await known(
    kept.map(({ node }) => node),
    count,
  );
  return kept;
}

export function careOf({ node }: Pick<Kept, 'node'>): StorageMaintenance {
  const { maintenance } = node;
  assert.ok(maintenance !== null);
  return maintenance;
}

/** The same for the same key. */
export function valueOf(key: string, length: number): Buffer {
  const value = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    value[at] = (at * 31 + (at >>> 8) + key.charCodeAt(at % key.length)) & 0xff;
  }
  return value;
}

/** Every answer that a node gives of a key is right, or it is none. */
export async function assertServed(node: MaillonNode, key: string, length: number): Promise<void> {
  for (const consistency of ['one', 'majority'] as const) {
    const record = await node.storage.get(named(key), { consistency });
    assert.ok(record !== null, key);
    assert.ok(valueOf(key, length).equals(await bytesOfAll(record.read())), `${key}, ${consistency}`);
  }
}
