import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CLOCK_SKEW_MS,
  compareRecords,
  compareVersions,
  formatEtag,
  HybridClock,
  parseEtag,
  VERSION_DRAG_MAX_MS,
  type Version,
} from '../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const NOW = 1_763_683_200_000;
const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function started(): { clock: ManualClock; hybrid: HybridClock } {
  const clock = new ManualClock(NOW);
  return { clock, hybrid: new HybridClock({ clock }) };
}

test('a version is the wall clock, and a counter within a millisecond', () => {
  const { clock, hybrid } = started();
  assert.deepEqual(hybrid.next(), { ms: NOW, counter: 0 });
  assert.deepEqual(hybrid.next(), { ms: NOW, counter: 1 });
  clock.advance(1);
  assert.deepEqual(hybrid.next(), { ms: NOW + 1, counter: 0 });
});

test('a full counter goes over into the next millisecond', () => {
  const { hybrid } = started();
  assert.deepEqual(hybrid.next({ ms: NOW, counter: 65_535 }), { ms: NOW + 1, counter: 0 });
  assert.deepEqual(hybrid.next(), { ms: NOW + 1, counter: 1 });
});

test('a clock that goes back a little gives out nothing twice', () => {
  const { clock, hybrid } = started();
  const before = hybrid.next();
  clock.advance(-VERSION_DRAG_MAX_MS);
  assert.ok(compareVersions(hybrid.next(), before) > 0);
});

test('a clock that was far ahead is not followed for ever', () => {
  const { clock, hybrid } = started();
  hybrid.next();
  clock.advance(-3_600_000);
  assert.deepEqual(hybrid.next(), { ms: NOW - 3_600_000, counter: 0 });
});

test('what is observed is exceeded, unless it is too far ahead', () => {
  const { hybrid } = started();
  hybrid.observe({ ms: NOW + VERSION_DRAG_MAX_MS + 1, counter: 0 });
  assert.deepEqual(hybrid.next(), { ms: NOW, counter: 0 });
  hybrid.observe({ ms: NOW + VERSION_DRAG_MAX_MS, counter: 9 });
  assert.deepEqual(hybrid.next(), { ms: NOW + VERSION_DRAG_MAX_MS, counter: 10 });
  hybrid.observe({ ms: NOW, counter: 0 });
  assert.deepEqual(hybrid.next(), { ms: NOW + VERSION_DRAG_MAX_MS, counter: 11 });
});

test('what must be exceeded is, however far ahead, and drags nothing else along', () => {
  const { hybrid } = started();
  const far = { ms: NOW + 3_600_000, counter: 7 };
  assert.deepEqual(hybrid.next(far), { ms: far.ms, counter: 8 });
  assert.deepEqual(hybrid.next(far), { ms: far.ms, counter: 9 });
  assert.deepEqual(hybrid.next(), { ms: NOW, counter: 0 });
});

test('whatever happens, versions rise and stay near the clock', () => {
  const step = fc.record({
    advance: fc.integer({ min: 0, max: 30_000 }),
    after: fc.option(fc.integer({ min: -30_000, max: CLOCK_SKEW_MS })),
    observed: fc.option(fc.integer({ min: -30_000, max: 60_000 })),
  });
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const { clock, hybrid } = started();
    let last: Version = { ms: 0, counter: 0 };
    for (const { advance, after, observed } of steps) {
      clock.advance(advance);
      if (observed !== null) hybrid.observe({ ms: clock.now() + observed, counter: 3 });
      const floor = after === null ? undefined : { ms: clock.now() + after, counter: 65_535 };
      const version = hybrid.next(floor);
      if (floor !== undefined) assert.ok(compareVersions(version, floor) > 0);
      if (floor !== undefined && floor.ms > clock.now() + VERSION_DRAG_MAX_MS) continue;
      assert.ok(compareVersions(version, last) > 0, 'above all before');
      assert.ok(version.ms <= clock.now() + VERSION_DRAG_MAX_MS + 1, 'near the clock');
      last = version;
    }
  });
  fc.assert(property);
});

test('records are ordered by milliseconds, counter, digest', () => {
  const ordered = [
    { ms: 1, counter: 9, digest: digest(9) },
    { ms: 2, counter: 0, digest: digest(9) },
    { ms: 2, counter: 1, digest: digest(1) },
    { ms: 2, counter: 1, digest: digest(255) },
  ];
  assert.deepEqual(ordered.toReversed().toSorted(compareRecords), ordered);
  assert.equal(compareRecords(ordered[0]!, { ...ordered[0]!, digest: digest(9) }), 0);
});

test('an entity tag is read back, with its quotes or without', () => {
  const stamp = fc.record(
    {
      ms: fc.nat(Number.MAX_SAFE_INTEGER),
      counter: fc.nat(65_535),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    },
    { noNullPrototype: true },
  );
  const property = fc.property(stamp, (one) => {
    const etag = formatEtag(one);
    assert.deepEqual(parseEtag(etag), one);
    assert.deepEqual(parseEtag(etag.slice(1, -1)), one);
  });
  fc.assert(property);
});

test('what is no entity tag of a record is none', () => {
  const etag = formatEtag({ ms: 5, counter: 1, digest: digest(7) });
  const others = [
    '',
    '*',
    '""',
    `W/${etag}`,
    etag.slice(1),
    etag.slice(0, -1),
    `${etag}\n`,
    etag.replace('5-1', '05-1'),
    etag.replace('5-1', '5-65536'),
    etag.replace('5-1', '9007199254740992-1'),
    etag.replace('5-1', '5--1'),
    etag.toUpperCase(),
    etag.replace('bafyrei', 'bafkrei'),
    // the last character of a CID holds two bits that are not used
    `${etag.slice(0, -2)}${etag.at(-2) === 'b' ? 'c' : 'b'}"`,
  ];
  assert.deepEqual(
    others.filter((other) => parseEtag(other) !== null),
    [],
  );
});
