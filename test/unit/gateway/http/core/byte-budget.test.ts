import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../../../gateway/http/core/byte-budget.ts';

test('what is held counts until it is given back, once', () => {
  const budget = new ByteBudget({ max: 10 });
  const [one, other] = [budget.open(), budget.open()];
  one.add(4);
  one.add(2);
  assert.throws(() => other.add(5), { code: 'overloaded' });
  other.add(4);
  one.release();
  one.release();
  assert.equal(budget.held, 4);
  other.release();
  assert.equal(budget.held, 0);
  one.add(10);
  assert.equal(budget.held, 0, 'a request that is over takes nothing');
});
