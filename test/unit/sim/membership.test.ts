/** The simulator of `npm run faults -- membership`: it plays each history the same way, and finds planted faults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHistory } from '../../sim/membership/history.ts';
import type { Plant } from '../../sim/membership/node.ts';
import { PLANTS } from '../../sim/membership/plants.ts';
import { REGRESSIONS } from '../../sim/membership/regressions.ts';
import { Run } from '../../sim/membership/run.ts';
import { shrink } from '../../sim/membership/shrink.ts';

const HISTORIES = 10;
const OWNERS_MAX = 3;
/** Histories within which a planted fault is found, and the first that finds it, which is played first. */
const FOUND_WITHIN = 40;
const FOUND_BY: Readonly<Record<string, number>> = {
  dropsAfterOne: 137,
  countsBeforeSynced: 10,
  shortensCopies: 2,
};

function play(seed: number, plant?: Plant) {
  return new Run(makeHistory(seed, { ownersMax: OWNERS_MAX }), plant).run();
}

test('what was promised is kept whoever joins or leaves', async () => {
  const totals = { acked: 0, reads: 0 };
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { violations, counts } = await play(seed);
    assert.deepEqual(violations, [], `seed ${seed}: npm run faults -- membership --seed ${seed}`);
    totals.acked += counts['acked'] ?? 0;
    totals.reads += counts['reads'] ?? 0;
  }
  assert.ok(totals.acked > 2 * HISTORIES && totals.reads > HISTORIES, JSON.stringify(totals));
});

for (const [name, history] of Object.entries(REGRESSIONS)) {
  test(`${name} (it once was not so)`, async () => {
    const { violations, counts } = await new Run(history).run();
    assert.deepEqual(violations, []);
    assert.equal(
      counts['acked'],
      history.steps.filter((step) => step.do === 'put' || step.do === 'delete').length,
    );
  });
}

test('a history goes the same way each time', async () => {
  const [first, second] = [await play(7), await play(7)];
  assert.deepEqual(first, second);
});

for (const [name, plant] of Object.entries(PLANTS)) {
  test(`a planted fault is found: ${name}`, async () => {
    const others = Array.from({ length: FOUND_WITHIN }, (_, index) => index + 1);
    for (const seed of [FOUND_BY[name] ?? 1, ...others]) {
      const { violations } = await play(seed, plant);
      if (violations.length > 0) return;
    }
    assert.fail(`not within ${FOUND_WITHIN} histories`);
  });
}

test('a history that fails is made shorter, and fails in the same way', async () => {
  const plant = PLANTS['shortensCopies'] ?? {};
  const history = makeHistory(15, { ownersMax: OWNERS_MAX });
  const shorter = await shrink(history, plant);
  assert.equal(shorter.outcome.violations[0]?.invariant, 'I2');
  assert.ok(shorter.history.steps.length < history.steps.length / 2, `${shorter.history.steps.length}`);
});
