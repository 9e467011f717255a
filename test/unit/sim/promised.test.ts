/** The checker of `npm run faults -- promises` finds what it is there for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Promised } from '../../sim/promises/promised.ts';
import type { Holder } from '../../sim/storage/site.ts';

const ETAG = '"1-0-b"';
const ACKED = { kind: 'acked', etag: ETAG, replicas: [], durable: true, expiresAt: null } as const;
const READ = { kind: 'value', etag: ETAG, text: 'one', isDegraded: false } as const;
const ENTRY = { key: 'k', etag: ETAG, expiresAt: null } as const;
const HOLDER = { id: 'a', role: 'replica', isLive: true, isSynced: true, etag: ETAG } as const;

/** A checker of answers against promises, after one promised value. */
function promised(): Promised {
  const one = new Promised();
  assert.ok(one.written('k', 'one', ACKED));
  return one;
}

test('a value that is gone or another, a life that ends and a short list are found; a refusal is asked again', () => {
  const right = promised();
  assert.ok(right.read('k', READ, 'a') && right.listed(['k'], [ENTRY], 'a'));
  assert.equal(right.read('k', { kind: 'failed', code: 'timeout' }, 'a'), false);
  assert.equal(right.listed(['k'], 'list_incomplete', 'a'), false);
  assert.equal(right.written('l', 'two', { kind: 'refused', code: 'insufficient_replicas' }), false);
  assert.deepEqual([right.breaches, right.values.size], [{ lost: 0, expiring: 0, unlisted: 0 }, 1]);

  const wrong = promised();
  wrong.read('k', { kind: 'none' }, 'a');
  wrong.read('k', { ...READ, text: 'two' }, 'a');
  wrong.read('k', { ...READ, etag: '"2-0-b"' }, 'a');
  wrong.written('l', 'two', { ...ACKED, durable: false });
  wrong.written('m', 'two', { ...ACKED, expiresAt: 1 });
  wrong.listed(['k'], [{ ...ENTRY, expiresAt: 1 }], 'a');
  wrong.listed(['k'], [], 'a');
  assert.deepEqual(wrong.breaches, { lost: 3, expiring: 3, unlisted: 1 });
});

test('only what a live sponsor of the owner holds and counts for is a copy', () => {
  const sponsors = new Set(['a']);
  const whole = { isTombstone: false, expiresAt: null, isWhole: null };
  const copies = (holder: Partial<Holder>): number =>
    promised().copies('k', [{ ...HOLDER, ...whole, ...holder }], sponsors).length;
  assert.equal(copies({}), 1);
  assert.equal(copies({ role: 'fallback', isSynced: false }), 1);
  for (const none of [{ isSynced: false }, { isLive: false }, { etag: null }, { id: 'b' }] as const) {
    assert.equal(copies(none), 0, JSON.stringify(none));
  }
});
