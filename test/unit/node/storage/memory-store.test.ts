/** The store in memory, on which the membership simulation runs, does what the store on disk does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartitionPlace, RecordStore } from '../../../../node/storage/store/interface.ts';
import {
  type Condition,
  decodeRecord,
  KIND_TOMBSTONE,
  KIND_VALUE,
  type SignedRecord,
} from '../../../../protocols/storage/index.ts';
import { Random } from '../../../sim/storage/random.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import { MemoryStore } from '../../../support/memory-store.ts';
import { scratch } from '../../../support/processes.ts';
import { crypto, heldIn, openStore, PLACE, storable } from '../../../support/store-records.ts';

const START = 1_000_000_000_000;
const DAY_MS = 24 * 3_600_000;
const KEYS = ['a', 'ab', 'b', '\u{1f511}', '\uffee', 'z'];
const PLACES: readonly PartitionPlace[] = [
  PLACE,
  { ...PLACE, partition: 4 },
  { ...PLACE, namespace: 'other', namespaceId: new Uint8Array(32).fill(9) },
];
const STEPS = 400;

/** A random call of both stores, and what each answered. */
class Calls {
  readonly #random: Random;
  readonly #clock: ManualClock;
  readonly #records = new Map<PartitionPlace, readonly SignedRecord[]>();
  readonly sponsored = new Set<string>(['tests', 'other']);

  constructor(random: Random, clock: ManualClock) {
    this.#random = random;
    this.#clock = clock;
  }

  next(): { readonly name: string; readonly run: (store: RecordStore) => Promise<unknown> } {
    const random = this.#random;
    const place = random.pick(PLACES);
    const now = this.#clock.now();
    const dice = random.below(100);
    if (dice < 60) return this.#put(place);
    if (dice < 70) {
      const floors = [this.#record(place), this.#record(place)].map(({ key, ms, counter, digest }) => {
        return { key, ms: ms - random.below(3) * DAY_MS, counter, digest };
      });
      return { name: 'floors', run: (store) => store.raiseFloors(place, floors) };
    }
    if (dice < 76) return { name: 'expire', run: (store) => store.expire(now, 256) };
    if (dice < 82) return { name: 'collect', run: (store) => store.collectTombstones(now - DAY_MS, 256) };
    if (dice < 88) return { name: 'forget', run: (store) => store.collectFloors(now - DAY_MS, 256) };
    if (dice < 91) return { name: 'drop', run: (store) => store.dropPartition(place) };
    if (dice < 95) {
      const state = { version: random.below(9), replicaSet: ['x'] };
      return { name: 'state', run: (store) => store.setState(place, state) };
    }
    if (dice < 98) this.#clock.advance(random.below(DAY_MS / 2));
    else this.#toggle(place.namespace);
    return { name: 'time', run: () => Promise.resolve(null) };
  }

  #put(place: PartitionPlace): ReturnType<Calls['next']> {
    const earlier = this.#records.get(place) ?? [];
    // the same again: it may be sponsored by now
    const isAgain = earlier.length > 0 && this.#random.below(3) === 0;
    const record = isAgain ? this.#random.pick(earlier) : this.#record(place);
    this.#records.set(place, [...earlier, record].slice(-8));
    const { ms, counter, digest } = this.#record(place);
    const stamp = { ms, counter, digest };
    const condition = this.#random.pick<Condition | null>([
      null,
      null,
      null,
      { kind: 'absent' },
      { kind: 'match', stamp },
      { kind: 'notAbove', stamp },
    ]);
    return { name: 'put', run: (store) => store.put({ place, record, condition }) };
  }

  #record({ owner, namespace }: PartitionPlace): SignedRecord {
    const random = this.#random;
    const ms = this.#clock.now() - random.below(4) * 1_000;
    const kind = random.below(4) === 0 ? KIND_TOMBSTONE : KIND_VALUE;
    const isValue = kind === KIND_VALUE;
    const made = storable({
      owner,
      namespace,
      key: random.pick(KEYS),
      ms,
      counter: random.below(2),
      kind,
      time: ms,
      expiry: isValue && random.below(3) === 0 ? ms + 1 + random.below(DAY_MS) : null,
      value: isValue ? Buffer.alloc(random.below(40), random.below(3)) : new Uint8Array(),
      contentType: isValue ? random.pick(['', 'text/plain']) : '',
    });
    // with digests that are no Buffers, as SQLite gives them
    return { ...decodeRecord(made.bytes, crypto), digest: made.digest };
  }

  #toggle(namespace: string): void {
    if (!this.sponsored.delete(namespace)) this.sponsored.add(namespace);
  }
}

/** All that can be read, in one value. */
async function contents(store: RecordStore, now: number, random: Random): Promise<unknown> {
  const places = await Promise.all(
    PLACES.map(async (place) => {
      const query = { prefix: random.pick(['', 'a']), after: random.pick([null, 'a']), limit: 2, now };
      return {
        rows: KEYS.map((key) => [store.get(place, key, now), store.head(place, key)]),
        page: store.list(place, query),
        summary: store.summary(place),
        state: store.getState(place),
        held: await heldIn(store, place),
        totals: totalsIn(store, place),
      };
    }),
  );
  const { bytes, keys } = store.usage();
  const page = store.partitions({ after: random.pick([null, PLACE]), limit: 2 });
  return plain({ places, bytes, keys, page });
}

function totalsIn(store: RecordStore, { namespaceId }: PartitionPlace): unknown {
  const totals = store.totals(namespaceId);
  return totals && [totals.owner, totals.namespace, totals.keys, totals.bytes];
}

/** Without the difference between Buffers and arrays of bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, one: unknown) => {
      if (one instanceof Uint8Array) return Buffer.from(one).toString('hex');
      const isBuffer = typeof one === 'object' && one !== null && 'data' in one && 'type' in one;
      return isBuffer ? Buffer.from(one.data as number[]).toString('hex') : one;
    }),
  );
}

for (const seed of [1, 2, 3, 4]) {
  test(`the store in memory answers as the one on disk does (seed ${seed})`, async (t) => {
    const random = new Random(seed);
    const clock = new ManualClock(START);
    const calls = new Calls(random, clock);
    const quotaOf = ({ namespace }: PartitionPlace) => {
      return { bytes: 4_000, keys: 6, isSponsored: calls.sponsored.has(namespace) };
    };
    const room = { quotaOf, capacityBytes: () => 6_000, unsponsoredBytes: 2_500 };
    const onDisk = openStore(scratch(t), { clock, ...room });
    t.after(() => onDisk.close());
    const disk = new MemoryDisk();
    let inMemory = new MemoryStore({ clock, disk }, room);
    for (let step = 0; step < STEPS; step++) {
      const { name, run } = calls.next();
      const [expected, got] = [await run(onDisk), await run(inMemory)];
      assert.deepEqual(plain(got), plain(expected), `step ${step}: ${name}`);
      if (step % 8 !== 0) continue;
      const look = random.below(2 ** 31);
      const expectedContents = await contents(onDisk, clock.now(), new Random(look));
      const gotContents = await contents(inMemory, clock.now(), new Random(look));
      assert.deepEqual(gotContents, expectedContents, `step ${step}: after ${name}`);
      // what a crash leaves is what there was
      if (step % 64 === 0) inMemory = new MemoryStore({ clock, disk }, room);
    }
  });
}
