import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROVIDER_LIFE_MS } from '../../../../node/ipfs/limits.ts';
import { ProviderTable } from '../../../../node/ipfs/provider-table.ts';

const BOUNDS = { max: 6, perPeer: 4, perDigest: 2 };

function table(isMember = (_peer: string): boolean => true) {
  const clock = { at: 0, now: () => clock.at };
  return { clock, table: new ProviderTable({ clock, isMember }, BOUNDS) };
}

test('who says that it has something is remembered for its time', () => {
  const { clock, table: one } = table();
  assert.equal(one.add('x', 'a'), true);
  clock.at = PROVIDER_LIFE_MS / 2;
  assert.equal(one.add('x', 'b'), true);
  assert.equal(one.add('x', 'a'), true, 'renewed');
  assert.deepEqual(one.of('x').toSorted(), ['a', 'b']);
  clock.at = PROVIDER_LIFE_MS;
  assert.equal(one.of('x').length, 2);
  clock.at = 2 * PROVIDER_LIFE_MS;
  assert.deepEqual(one.of('x'), []);
  assert.equal(one.size, 0);
  one.add('x', 'a');
  one.remove('x', 'a');
  one.remove('x', 'a');
  assert.equal(one.size, 0);
});

test('only members are believed', () => {
  const { table: one } = table((peer) => peer !== 'stranger');
  assert.equal(one.add('x', 'stranger'), false);
  assert.deepEqual(one.of('x'), []);
  assert.equal(one.refused, 1);
});

test('bounded in all, for each peer and each digest; nobody displaces others', () => {
  const { clock, table: one } = table();
  for (const digest of ['1', '2', '3', '4']) assert.equal(one.add(digest, 'a'), true);
  assert.equal(one.add('5', 'a'), false, 'its share');
  assert.equal(one.add('1', 'b'), true);
  assert.equal(one.add('1', 'c'), false, 'enough have it');
  assert.equal(one.add('6', 'c'), true);
  assert.equal(one.add('7', 'd'), false, 'full');
  assert.equal(one.size, 6);
  assert.deepEqual(one.of('1'), ['a', 'b']);
  clock.at = PROVIDER_LIFE_MS;
  assert.equal(one.add('7', 'd'), true, 'what has ended makes room');
  assert.equal(one.size, 1);
});
