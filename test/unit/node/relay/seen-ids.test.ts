import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SeenIdsFile, type SeenIdsInit } from '../../../../node/relay/seen-ids.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { Program, scratch, until } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { ROOT } from '../../../support/sources.ts';

const NOW = 1_763_683_200_000;
/** The SPEC's window: ten minutes. */
const WINDOW_MS = 600_000;
/** For so long an envelope can be accepted somewhere, twice the skew added. */
const NEEDED_MS = 80_000;
const logger = silentLogger();

function digest(n: number | string): Buffer {
  return createHash('sha256').update(String(n)).digest();
}

function open(
  t: TestContext,
  directory: string,
  clock: ManualClock,
  init: Partial<SeenIdsInit> = {},
): SeenIdsFile {
  const seen = new SeenIdsFile({ clock, logger }, { directory, windowMs: WINDOW_MS, max: 1000, ...init });
  let closed = false;
  const close = seen.close.bind(seen);
  seen.close = () => {
    if (!closed) close();
    closed = true;
  };
  t.after(() => seen.close());
  return seen;
}

function addAll(seen: SeenIdsFile, from: number, to: number): void {
  for (let i = from; i < to; i++) assert.ok(seen.add(digest(i)), `add ${i}`);
}

function assertHas(seen: SeenIdsFile, from: number, to: number, expected = true): void {
  for (let i = from; i < to; i++) assert.equal(seen.has(digest(i)), expected, `id ${i}`);
}

test('what was added is seen, and nothing else', (t) => {
  const seen = open(t, scratch(t), new ManualClock(NOW));
  assertHas(seen, 0, 10, false);
  addAll(seen, 0, 10);
  assertHas(seen, 0, 10);
  assertHas(seen, 10, 20, false);
  assert.equal(seen.size, 10);
  assert.equal(seen.diskFault, null);
});

test('it survives a restart, and another', (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(NOW);
  for (let run = 0; run < 3; run++) {
    const seen = open(t, directory, clock);
    assertHas(seen, 0, 10 * run);
    addAll(seen, 10 * run, 10 * run + 10);
    seen.close();
  }
  assertHas(open(t, directory, clock), 0, 30);
});

test('the files are this user’s alone', {
  skip: process.platform === 'win32' ? 'no modes on Windows' : false,
}, (t) => {
  const directory = join(scratch(t), 'relay');
  addAll(open(t, directory, new ManualClock(NOW)), 0, 1);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const name of readdirSync(directory))
    assert.equal(statSync(join(directory, name)).mode & 0o077, 0, name);
});

for (const torn of [1, 7, 15]) {
  test(`an id torn after ${torn} bytes is dropped; those before and after it are whole`, (t) => {
    const directory = scratch(t);
    const clock = new ManualClock(NOW);
    const before = open(t, directory, clock);
    addAll(before, 0, 5);
    before.close();
    appendFileSync(join(directory, 'seen.current'), digest('torn').subarray(0, torn));
    const after = open(t, directory, clock);
    assertHas(after, 0, 5);
    assert.ok(!after.has(digest('torn')));
    addAll(after, 5, 9);
    after.close();
    assertHas(open(t, directory, clock), 0, 9);
  });
}

test('a file cut short keeps the whole ids in front of the cut', (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(NOW);
  const before = open(t, directory, clock);
  addAll(before, 0, 5);
  before.close();
  truncateSync(join(directory, 'seen.current'), 16 * 3 + 2);
  const after = open(t, directory, clock);
  assertHas(after, 0, 3);
  assertHas(after, 3, 5, false);
});

test('an id is remembered for the window at least, and is gone after two', (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(NOW);
  const seen = open(t, directory, clock);
  clock.advance(WINDOW_MS - 1);
  assert.ok(seen.add(digest('late in its generation')));
  clock.advance(1);
  assert.ok(seen.add(digest('first of the next')));
  clock.advance(WINDOW_MS - 1);
  assert.ok(seen.add(digest('another')));
  assert.ok(seen.has(digest('late in its generation')), 'as old as the window');
  clock.advance(1);
  assert.ok(seen.add(digest('first of the third')));
  assert.ok(!seen.has(digest('late in its generation')));
  assert.ok(seen.has(digest('first of the next')));
  seen.close();
  const again = open(t, directory, clock);
  assert.ok(again.has(digest('first of the next')) && again.has(digest('first of the third')));
});

test('a restart forgets nothing before its window', (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(NOW);
  for (let run = 0; run < 6; run++) {
    const seen = open(t, directory, clock);
    assert.ok(seen.add(digest(run)));
    clock.advance(WINDOW_MS / 3);
    assertHas(seen, Math.max(0, run - 2), run + 1);
    seen.close();
  }
});

test('when full it refuses, until the oldest are no longer needed', (t) => {
  const clock = new ManualClock(NOW);
  const seen = open(t, scratch(t), clock, { max: 10 });
  addAll(seen, 0, 10);
  assert.equal(seen.add(digest(10)), false);
  assert.ok(!seen.has(digest(10)), 'what was refused is not seen');
  clock.advance(NEEDED_MS - 1);
  assert.equal(seen.add(digest(10)), false);
  assertHas(seen, 0, 10);
});

test('when full of one generation it still takes in nothing that would forget what is needed', (t) => {
  const clock = new ManualClock(NOW);
  const seen = open(t, scratch(t), clock, { max: 10 });
  addAll(seen, 0, 6);
  clock.advance(NEEDED_MS);
  addAll(seen, 6, 10);
  for (let ms = 0; ms < 3 * NEEDED_MS; ms += 1000) {
    const added = seen.add(digest(`at ${ms}`));
    assert.ok(seen.size <= 10);
    if (ms < NEEDED_MS) assertHas(seen, 6, 10);
    if (added) assert.ok(seen.has(digest(`at ${ms}`)));
    clock.advance(1000);
  }
  assertHas(seen, 0, 6, false);
});

test('whatever is added when, it is seen for 80 s', (t) => {
  const clock = new ManualClock(NOW);
  const seen = open(t, scratch(t), clock, { max: 50 });
  const added: { n: number; at: number }[] = [];
  for (let n = 0; n < 3000; n++) {
    if (seen.add(digest(n))) added.push({ n, at: clock.now() });
    clock.advance((n * 7919) % 3000);
    while ((added[0]?.at ?? Infinity) < clock.now() - NEEDED_MS) added.shift();
    for (const { n } of added) assert.ok(seen.has(digest(n)), `id ${n}`);
    assert.ok(seen.size <= 50);
  }
});

test('kill -9 loses nothing that was added', async (t) => {
  const directory = scratch(t);
  const child = new Program(t, process.execPath, [join(ROOT, 'test/support/seen-ids-adder.ts'), directory]);
  await until('some thousand ids', () => child.stdout.length > 20_000);
  await child.end('SIGKILL');
  const told = child.stdout.split('\n').slice(0, -1);
  assert.ok(told.length > 1000);
  const seen = open(t, directory, new ManualClock(Date.now()), { max: 1_000_000 });
  assertHas(seen, 0, told.length);
  assert.equal(statSync(join(directory, 'seen.current')).size % 16, 0);
});

test('a directory that cannot be made or read says so at start', (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, 'file'), '');
  assert.throws(() => open(t, join(directory, 'file'), new ManualClock(NOW)), { code: 'ENOTDIR' });
  assert.throws(() => open(t, join(directory, 'file', 'below'), new ManualClock(NOW)), { code: 'ENOTDIR' });
});

test('an empty previous generation is no fault', (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(NOW);
  const seen = open(t, directory, clock);
  clock.advance(WINDOW_MS);
  addAll(seen, 0, 1);
  clock.advance(WINDOW_MS);
  addAll(seen, 1, 2);
  assert.ok(existsSync(join(directory, 'seen.previous')));
  assert.equal(readFileSync(join(directory, 'seen.previous')).byteLength, 16);
});
