import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../../gateway/http/byte-budget.ts';

test('what is taken counts until it is given back, once', () => {
  const budget = new ByteBudget({ max: 10 });
  const release = budget.take(6);
  assert.throws(() => budget.take(5), { code: 'overloaded' });
  const other = budget.take(4);
  release();
  release();
  assert.equal(budget.taken, 4);
  other();
  assert.equal(budget.taken, 0);
});
