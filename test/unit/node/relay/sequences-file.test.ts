import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { putSequences, takeSequences } from '../../../../node/relay/sequences-file.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';

const NOW = 1_763_683_200_000;

function setUp(t: TestContext): { directory: string; clock: ManualClock } {
  return { directory: scratch(t), clock: new ManualClock(NOW) };
}

function onlyFile(directory: string): string {
  const [name, ...others] = readdirSync(directory);
  assert.deepEqual(others, []);
  return join(directory, name ?? '');
}

test('a clean stop keeps the counters', (t) => {
  const { directory, clock } = setUp(t);
  const before = takeSequences(directory, clock);
  const { epoch } = before.take('a', 5);
  before.take('b', 1);
  putSequences(directory, before);
  clock.advance(1000);
  const after = takeSequences(directory, clock);
  assert.deepEqual(after.take('a', 1), { epoch, sequence: 6 });
  assert.equal(after.take('b', 1).sequence, 2);
});

test('what a clean stop kept is used once: after a kill a new epoch begins', (t) => {
  const { directory, clock } = setUp(t);
  const first = takeSequences(directory, clock);
  first.take('a', 5);
  putSequences(directory, first);
  clock.advance(1000);
  const killed = takeSequences(directory, clock).take('a', 3);
  clock.advance(1000);
  const after = takeSequences(directory, clock).take('a', 1);
  assert.ok(after.epoch > killed.epoch);
  assert.equal(after.sequence, 1);
});

test('the epoch after a loss is the time, where the clock is ahead of every epoch', (t) => {
  const { directory, clock } = setUp(t);
  takeSequences(directory, clock).take('a', 1);
  clock.advance(60_000);
  const { epoch } = takeSequences(directory, clock).take('a', 1);
  assert.ok(epoch - clock.now() <= 1 && epoch >= clock.now(), String(epoch - clock.now()));
});

for (const [what, ms] of [
  ['goes on', 3000],
  ['stands still', 0],
  ['has been set back', -3_600_000],
] as const) {
  test(`after a kill no epoch is used again, though many topics were begun and the clock ${what}`, (t) => {
    const { directory, clock } = setUp(t);
    const topics = Array.from({ length: 5000 }, (_, i) => `topic-${i}`);
    const book = takeSequences(directory, clock);
    clock.advance(500);
    const before = new Map(topics.map((topic) => [topic, book.take(topic, 1).epoch]));
    clock.advance(ms);
    const again = takeSequences(directory, clock);
    for (const topic of topics.toReversed()) {
      const { epoch } = again.take(topic, 1);
      assert.ok(epoch > (before.get(topic) ?? 0), `${topic}: ${epoch} after ${before.get(topic)}`);
    }
  });
}

test('a start after a start without a stop between is a loss', (t) => {
  const { directory, clock } = setUp(t);
  const epochs = Array.from({ length: 5 }, () => {
    clock.advance(1);
    return takeSequences(directory, clock).take('a', 1).epoch;
  });
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].toSorted((a, b) => a - b),
  );
});

test('a file that is damaged counts as a loss, not as a fault', (t) => {
  const { directory, clock } = setUp(t);
  const before = takeSequences(directory, clock);
  const { epoch } = before.take('a', 5);
  putSequences(directory, before);
  const whole = readFileSync(onlyFile(directory));
  const damaged = [
    Buffer.alloc(0),
    whole.subarray(0, -1),
    Buffer.from('not CBOR'),
    Buffer.from('820101', 'hex'),
    Buffer.from('f6', 'hex'),
    Buffer.from('83016161f6', 'hex'),
    Buffer.from('830100f6', 'hex'),
    Buffer.from('8301008101', 'hex'),
    Buffer.from('83010081826161f6', 'hex'),
    Buffer.concat([Buffer.of(0x83, 0x63), whole.subarray(2)]),
  ];
  clock.advance(1000);
  for (const bytes of damaged) {
    writeFileSync(onlyFile(directory), bytes);
    const next = takeSequences(directory, clock).take('a', 1);
    assert.ok(Number.isSafeInteger(next.epoch) && next.epoch > epoch, bytes.toString('hex'));
    assert.equal(next.sequence, 1);
  }
});

test('the file is this user’s alone', {
  skip: process.platform === 'win32' ? 'no modes on Windows' : false,
}, (t) => {
  const { directory, clock } = setUp(t);
  putSequences(directory, takeSequences(directory, clock));
  assert.equal(statSync(onlyFile(directory)).mode & 0o777, 0o600);
});

test('a directory that is not there is an error', (t) => {
  const { directory, clock } = setUp(t);
  assert.throws(() => takeSequences(join(directory, 'absent'), clock), { code: 'ENOENT' });
});
