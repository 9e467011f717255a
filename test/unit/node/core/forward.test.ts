import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forward } from '../../../../node/core/forward.ts';

interface Counting {
  readonly count: number;
  add(by: number): Promise<number>;
  reset(): void;
}

class Counter implements Counting {
  count = 0;

  async add(by: number): Promise<number> {
    this.count += by;
    return this.count;
  }

  reset(): void {
    this.count = 0;
  }
}

test('calls go to the service that runs then, as its own methods', async () => {
  let running = new Counter();
  const face = forward<Counting>(() => running, { count: 'property', reset: 'method' });
  assert.equal(await face.add(2), 2);
  assert.equal(face.count, 2);
  running = new Counter();
  assert.equal(face.count, 0);
  assert.equal(await face.add(3), 3);
  face.reset();
  assert.equal(face.count, 0);
});

test('without one, what answers at once throws, and what returns a promise rejects', async () => {
  const face = forward<Counting>(
    () => {
      throw new Error('not running');
    },
    { count: 'property', reset: 'method' },
  );
  assert.throws(() => face.count, { message: 'not running' });
  assert.throws(() => face.reset(), { message: 'not running' });
  const rejecting = face.add(1);
  await assert.rejects(rejecting, { message: 'not running' });
});

test('a service is no promise, whoever awaits it', async () => {
  const counter = new Counter();
  const face = forward<Counting>(() => counter, { count: 'property', reset: 'method' });
  assert.equal(await Promise.resolve(face), face);
});
