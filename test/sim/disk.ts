import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MaillonNode } from '../../node/index.ts';
import { INLINE_MAX_BYTES } from '../../protocols/storage/index.ts';
import { atMost, experiment, round } from '../support/experiment.ts';
import { startNode } from '../support/node.ts';
import type { Cleanup } from '../support/processes.ts';
import { codeOf, named } from '../support/storage.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const NEVER = new AbortController().signal;
/**
 * Lengths of values, chosen so that inline records, short blobs and long blobs each have a good part of the bytes. Records of
 * more than half a page and less than a whole one (4 to 8 KiB) take a page each, before and after: they are not in it.
 */
const LENGTHS = [KIB, 16 * KIB, 60 * KIB, 300 * KIB, MIB, 5 * MIB];
/** One in so many is kept. */
const KEPT_OF = 5;
const SHARE_MAX = 1.15;
const AT_ONCE = 16;
const TRIES = 10;
const UNCLEAR: ReadonlySet<string> = new Set(['outcome_unknown', 'insufficient_replicas']);
const SAID_EVERY_BYTES = 128 * MIB;

/** Disk space used by files, as `du` counts it. */
function diskUse(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0);
}

/** Not the same for any two keys. */
function valueOf(key: string, length: number): Buffer {
  return Buffer.alloc(length, `${key} `);
}

/** Each length has the same share of the bytes. */
function* workload(total: number): Generator<{ key: string; length: number }> {
  for (const length of LENGTHS) {
    const count = Math.ceil(total / LENGTHS.length / length);
    for (let n = 0; n < count; n++) yield { key: `${length}/${n}`, length };
  }
}

/** Retries an operation with an unknown outcome: retries are idempotent. */
async function surely(act: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const code = await codeOf(act());
    if (code === null) return;
    if (tries === TRIES || !UNCLEAR.has(code)) throw new Error(`a write was refused: ${code}`);
  }
}

/** Some at a time: they share a sync of the disk. */
async function each<T>(all: Iterable<T>, work: (one: T) => Promise<unknown>): Promise<void> {
  const rest = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function fill(node: MaillonNode, total: number, progress: (line: string) => void) {
  const kept: { key: string; length: number }[] = [];
  const gone: string[] = [];
  let written = 0;
  let n = 0;
  await each(workload(total), async (one) => {
    await surely(() => node.storage.put(named(one.key), valueOf(one.key, one.length)));
    if (Math.floor(written / SAID_EVERY_BYTES) < Math.floor((written + one.length) / SAID_EVERY_BYTES)) {
      progress(`${Math.round((written + one.length) / MIB)} MiB written`);
    }
    written += one.length;
    n += 1;
    if (n % KEPT_OF === 0) kept.push(one);
    else gone.push(one.key);
  });
  return { kept, gone, written };
}

async function run(total: number, progress: (line: string) => void) {
  const ends: (() => void | Promise<void>)[] = [];
  const cleanup: Cleanup = { after: (end) => void ends.push(end) };
  const data = mkdtempSync(join(tmpdir(), 'maillon-disk-'));
  try {
    const settings = { 'storage.namespaceBytes': 4 * total, 'storage.capacityBytes': 8 * total };
    const node = await startNode(cleanup, { data, settings });
    const { kept, gone, written } = await fill(node, total, progress);
    const full = diskUse(data);
    await each(gone, (key) => surely(() => node.storage.delete(named(key))));
    progress('four of five deleted');
    const startedAt = performance.now();
    const report = await node.maintenance?.collect({ signal: NEVER });
    const seconds = (performance.now() - startedAt) / 1000;
    const values = kept.reduce((sum, { length }) => sum + length, 0);
    const ofBlobs = kept.reduce((sum, { length }) => sum + (length > INLINE_MAX_BYTES ? length : 0), 0);
    // tombstones are kept as well, for a week
    const wanted = node.storage.status().bytes + ofBlobs;
    let wrong = 0;
    for (const { key, length } of kept) {
      const bytes: Uint8Array[] = [];
      for await (const part of (await node.storage.get(named(key)))?.read() ?? []) bytes.push(part);
      if (!Buffer.concat(bytes).equals(valueOf(key, length))) wrong += 1;
    }
    const used = diskUse(data);
    return {
      written,
      full,
      values,
      wanted,
      used,
      share: round(used / wanted, 3),
      seconds: round(seconds),
      wrong,
      report,
    };
  } finally {
    for (const end of ends) await end();
    rmSync(data, { recursive: true, force: true });
  }
}

export const disk = experiment({
  name: 'disk',
  summary: '1 GiB of records and blobs, four of five deleted, and what the disk has back (or: disk MIB)',
  full: { mib: 1024 },
  smoke: { mib: 4 },
  async run({ mib }, { progress, options }) {
    const { share, wrong, ...figures } = await run(Number(options[0] ?? mib) * MIB, progress);
    return {
      name: 'disk',
      figures: { ...figures, share, wrong },
      targets: [atMost('used of what is kept', share, SHARE_MAX), atMost('wrong values', wrong, 0)],
    };
  },
});
