import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStorageServiceMetrics } from '../../../../../node/storage/api/counters.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  DEADLINE_MS,
  REPAIRS_AT_ONCE,
  REPAIRS_MAX,
} from '../../../../../node/storage/api/limits.ts';
import type { BlobRetention } from '../../../../../node/storage/blobs/blob-retention.ts';
import type { ReadResult } from '../../../../../node/storage/coordinator/record-reader.ts';
import { Repairs } from '../../../../../node/storage/coordinator/repairs.ts';
import type { Deadline } from '../../../../../node/storage/rpc/deadline.ts';
import type { RecordStore } from '../../../../../node/storage/store/interface.ts';
import type { RequestOf, RequestType, SignedRecord } from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';
import { PLACE, storable } from '../../../../support/store-records.ts';

interface Asked {
  readonly id: string;
  readonly request: RequestOf<RequestType>;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<never>;
}

/** Repairs among replicas that answer when the test has them answer. */
function make(read: (deadline: Deadline) => Promise<SignedRecord | null> = () => Promise.resolve(null)) {
  const clock = new ManualClock(1_000_000);
  const metrics = createStorageServiceMetrics();
  const asked: Asked[] = [];
  const repairs = new Repairs({
    clock,
    metrics,
    logger: silentLogger(),
    ask: (id, request, signal) => {
      const answer = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => answer.reject(signal.reason as Error));
      asked.push({ id, request, signal, answer });
      return answer.promise;
    },
    read: async (_partition, _key, deadline) => ({ record: await read(deadline) }) as ReadResult,
  });
  const done: unknown[] = [];
  const store = {
    discard: (_place: unknown, key: string) => Promise.resolve(void done.push(['discard', key])),
    put: ({ record, isRepair }: { record: SignedRecord; isRepair: boolean }) =>
      Promise.resolve(void done.push(['put', record.key, isRepair])),
  } as unknown as RecordStore;
  const blobs = {
    take: ({ key }: SignedRecord) => Promise.resolve(void done.push(['take', key])),
  } as unknown as BlobRetention;
  return { asked, clock, done, metrics, mended: { store, blobs }, repairs };
}

const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a record goes to each replica that holds an older one; one that refuses keeps no other from it', async () => {
  const { asked, metrics, repairs } = make();
  const record = storable({ key: 'k' });
  repairs.give(record, ['a', 'b', 'c']);
  await turn();
  assert.deepEqual(
    asked.map(({ id, request }) => [id, request]),
    ['a', 'b', 'c'].map((id) => [
      id,
      { type: 'put', condition: null, asFallback: false, record: record.bytes },
    ]),
  );
  asked[0]?.answer.reject(new Error('no'));
  asked[1]?.answer.resolve(undefined as never);
  asked[2]?.answer.resolve(undefined as never);
  await turn();
  assert.equal(metrics.repairs, 2);
});

test('some run at a time; a replica that does not answer makes room when its time is over', async () => {
  const { asked, clock, repairs } = make();
  const ids = Array.from({ length: 2 * REPAIRS_AT_ONCE }, (_, n) => String(n));
  repairs.give(storable({ key: 'k' }), ids);
  await turn();
  assert.equal(asked.length, REPAIRS_AT_ONCE);
  await clock.advanceAsync(ATTEMPT_TIMEOUT_MS - 1);
  assert.equal(asked.length, REPAIRS_AT_ONCE);
  await clock.advanceAsync(1);
  assert.equal(asked.length, 2 * REPAIRS_AT_ONCE);
});

test('what finds no room in the line is dropped and counted; what waits at a stop is not begun', async () => {
  const { asked, clock, metrics, repairs } = make();
  const count = REPAIRS_AT_ONCE + REPAIRS_MAX;
  repairs.give(storable({ key: 'k' }), ids(0, count));
  await turn();
  assert.equal(metrics.repairsDropped, 0);
  repairs.give(storable({ key: 'k' }), ids(count, count + 3));
  await turn();
  assert.equal(metrics.repairsDropped, 3);
  await clock.advanceAsync((count / REPAIRS_AT_ONCE) * ATTEMPT_TIMEOUT_MS);
  assert.equal(asked.length, count);
  repairs.give(storable({ key: 'k' }), ids(0, 2 * REPAIRS_AT_ONCE));
  await turn();
  repairs.stop();
  await clock.advanceAsync(ATTEMPT_TIMEOUT_MS);
  repairs.give(storable({ key: 'k' }), ['late']);
  await turn();
  assert.equal(asked.length, count + REPAIRS_AT_ONCE);
});

test('a copy that does not open is replaced by what a majority holds, its blob first, or removed', async () => {
  const held = storable({ key: 'k' });
  const whole = make(() => Promise.resolve(held));
  await whole.repairs.mendNow(whole.mended, PLACE, 'k');
  assert.deepEqual(whole.done, [
    ['take', 'k'],
    ['put', 'k', true],
  ]);
  const nothing = make();
  nothing.repairs.mend(nothing.mended, PLACE, 'k');
  await turn();
  assert.deepEqual(nothing.done, [['discard', 'k']]);
  assert.equal(nothing.metrics.repairs, 1);
  assert.equal(whole.clock.timers + nothing.clock.timers, 0);
});

test('a copy stays as it is where no majority answers in the time of a request', async () => {
  const { clock, done, mended, repairs } = make(
    ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  );
  const refused = assert.rejects(repairs.mendNow(mended, PLACE, 'k'), { code: 'timeout' });
  await clock.advanceAsync(DEADLINE_MS);
  await refused;
  assert.deepEqual(done, []);
});
