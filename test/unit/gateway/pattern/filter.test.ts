import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCAN_WORK_MAX, SCAN_WORK_PER_TURN } from '../../../../gateway/core/limits.ts';
import { PatternFilter } from '../../../../gateway/pattern/filter.ts';
import { Pattern } from '../../../../gateway/pattern/pattern.ts';

/** How often the event loop goes round while something is under way. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let timer = setImmediate(function count() {
    turns += 1;
    timer = setImmediate(count);
  });
  try {
    await work();
  } finally {
    clearImmediate(timer);
  }
  return turns;
}

const KEY_MAX = 1024;
/** Each turn may end a character's work late. */
const TURNS_MIN = Math.floor(SCAN_WORK_MAX / (SCAN_WORK_PER_TURN + KEY_MAX));

test('one key that takes all the work there may be leaves others their turn, and ends', async () => {
  for (const source of ['(a?){500}b', '(.?){400}$x', '(a|a|a|a|a|a|a|a){30}b']) {
    const filter = new PatternFilter(new Pattern(source));
    const turns = await turnsOf(() =>
      assert.rejects(filter.takes('a'.repeat(KEY_MAX)), { code: 'too_large' }, source),
    );
    assert.ok(turns >= TURNS_MIN, `${source}: ${turns} turns`);
  }
});

test('so do many keys that take little each', async () => {
  const filter = new PatternFilter(new Pattern('1'));
  let taken = 0;
  const turns = await turnsOf(async () => {
    for (let n = 0; n < 5_000; n += 1) if (await filter.takes(`user:${n}:name-of-it`)) taken += 1;
  });
  assert.equal(
    taken,
    Array.from({ length: 5_000 }, (_, n) => String(n)).filter((n) => n.includes('1')).length,
  );
  assert.ok(turns >= 1, `${turns} turns`);
});

test('an expression that says where it begins is looked for there only', () => {
  const budget = { left: 20 };
  const pattern = new Pattern('^user:');
  assert.equal(pattern.matches(`x${'user:'.repeat(200)}`, budget), false);
  assert.equal(pattern.matches('user:1', budget), true);
});
