import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SEAL_OVERHEAD_BYTES } from '../../../node/disk/sealing.ts';
import { openWriter } from '../../../node/storage/store/database.ts';
import type { SignedRecord } from '../../../protocols/storage/index.ts';
import { atLeast, experiment, median, type Result, round } from '../../support/experiment.ts';
import { openStore, PLACE, storable } from '../../support/store-records.ts';

const WRITERS = 64;
const VALUE_BYTES = 512;
const KEY_ID = new Uint8Array(4);
/** As large on disk as a checksum is. */
const MARK = 0xdeadbeef;
const SEAL = new Uint8Array(SEAL_OVERHEAD_BYTES);

export const STORE_FULL = {
  records: 64 * 60,
  rounds: 9,
  /** Until both sides run compiled: what a put takes of the writer's thread halves over its first 40 000. */
  warmUpRounds: 10,
};
type Sizes = typeof STORE_FULL;
export const STORE_SMOKE: Sizes = { records: 64, rounds: 2, warmUpRounds: 1 };

/** Cost of durable writing above the bare database: both on the same disk, in alternating rounds. */
export const storeBench = experiment({
  name: 'store',
  summary: `durable writes of ${VALUE_BYTES} B by ${WRITERS} writers at a time: the record store against bare batches of ${WRITERS}`,
  full: STORE_FULL,
  smoke: STORE_SMOKE,
  run: (sizes, { progress }) => measureStore(sizes, progress),
});

export async function measureStore(sizes: Sizes, progress: (line: string) => void): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-bench-'));
  const store = openStore(directory);
  const bare = openWriter(join(directory, 'bare.db'), KEY_ID);
  const stored: number[] = [];
  const batched: number[] = [];
  try {
    for (let number = -sizes.warmUpRounds; number < sizes.rounds; number++) {
      const records = makeRecords(number, sizes.records);
      const sealed = records.map(({ bytes }) => Buffer.concat([bytes, SEAL]));
      const rateOfStore = (): Promise<number> => rate(sizes.records, () => writeAll(store, records));
      // each goes first in turn: the garbage of making the records falls to neither alone
      const isStoreFirst = number % 2 === 0;
      let ofStore = isStoreFirst ? await rateOfStore() : Number.NaN;
      const ofBare = await rate(sizes.records, () => insertAll(bare, records, sealed));
      if (!isStoreFirst) ofStore = await rateOfStore();
      if (number < 0) continue;
      stored.push(ofStore);
      batched.push(ofBare);
      progress(`round ${number}: store ${ofStore} /s, bare ${ofBare} /s`);
    }
  } finally {
    bare.close();
    await store.close();
    rmSync(directory, { recursive: true });
  }
  const ratio = round(median(stored.map((rate, index) => rate / (batched[index] ?? Number.NaN))));
  return {
    name: 'store',
    figures: {
      writers: WRITERS,
      valueBytes: VALUE_BYTES,
      storePerS: median(stored),
      barePerS: median(batched),
      ratio,
    },
    targets: [atLeast('durable writes of the store against bare synced batches', ratio, 0.5)],
  };
}

function makeRecords(number: number, count: number): SignedRecord[] {
  return Array.from({ length: count }, (_, index) =>
    storable({
      key: `round ${number}/${randomBytes(8).toString('hex')}/${index}`,
      value: randomBytes(VALUE_BYTES),
    }),
  );
}

/** Records a second. */
async function rate(count: number, write: () => void | Promise<void>): Promise<number> {
  const since = performance.now();
  await write();
  return Math.round((count / (performance.now() - since)) * 1000);
}

async function writeAll(
  store: ReturnType<typeof openStore>,
  records: readonly SignedRecord[],
): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let record = records[next++]; record !== undefined; record = records[next++]) {
      const { status } = await store.put({ place: PLACE, record, condition: null });
      if (status !== 'stored') throw new Error(`a write was ${status}`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

/** The same rows, as large, nothing else done for them. */
function insertAll(
  database: DatabaseSync,
  records: readonly SignedRecord[],
  sealed: readonly Uint8Array[],
): void {
  const insert = database.prepare(
    'INSERT INTO records (partition, key, ms, counter, digest, kind, expiry, size, content_type, bytes, mark, sealed) ' +
      'VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  for (let at = 0; at < records.length; at += WRITERS) {
    database.exec('BEGIN IMMEDIATE');
    for (const [index, record] of records.slice(at, at + WRITERS).entries()) {
      const { key, ms, counter, digest, kind, expiry, value, contentType } = record;
      const bytes = sealed[at + index] ?? SEAL;
      const shown = [kind, expiry, value.byteLength, contentType] as const;
      insert.run(Buffer.from(key), ms, counter, digest, ...shown, bytes.byteLength, MARK, bytes);
    }
    database.exec('COMMIT');
  }
}
