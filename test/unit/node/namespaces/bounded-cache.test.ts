import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedCache } from '../../../../node/namespaces/bounded-cache.ts';

test('what is kept weighs no more than it may, and what came first goes first', () => {
  const cache = new BoundedCache<string>(10);
  cache.keep('a', 'A', 4);
  cache.keep('b', 'B', 4);
  cache.keep('a', 'AA', 4);
  cache.keep('c', 'C', 4);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => cache.get(key)),
    ['AA', undefined, 'C'],
  );
  cache.keep('too much', 'X', 11);
  assert.deepEqual([cache.get('too much'), cache.get('c')], [undefined, undefined]);
  cache.keep('a', 'A', 10);
  cache.delete('a');
  cache.keep('b', 'B', 10);
  assert.equal(cache.get('b'), 'B');
  cache.clear();
  cache.keep('c', 'C', 10);
  assert.equal(cache.get('c'), 'C');
});
