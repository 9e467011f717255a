import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessList } from '../../../../node/config/access-list.ts';

const PEER = '12D3KooWScRHURqvpnLRNXZ3nn5E1gowyepSnFnrbLPuQN2P9QiE';

test('peers, addresses and ranges of both families', () => {
  const list = accessList([PEER, '192.0.2.0/24', '198.51.100.7', '2001:db8::/32']);
  assert.equal(list.hasPeer(PEER), true);
  assert.equal(list.hasHost('192.0.2.200'), true);
  assert.equal(list.hasHost('192.0.3.1'), false);
  assert.equal(list.hasHost('198.51.100.7'), true);
  assert.equal(list.hasHost('198.51.100.8'), false);
  assert.equal(list.hasHost('2001:db8:ffff::1'), true);
  assert.equal(list.hasHost('2001:db9::1'), false);
  assert.equal(list.hasHost('::ffff:192.0.2.5'), true, 'the same address in another dress');
  assert.equal(list.hasHost('example.org'), false);
});

test('an empty list is empty', () => {
  assert.equal(accessList([]).isEmpty, true);
  assert.equal(accessList(['192.0.2.1']).isEmpty, false);
  assert.equal(accessList([PEER]).isEmpty, false);
});

test('what is neither is named', () => {
  for (const bad of [
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/x',
    '192.0.2.0/24/8',
    '2001:db8::/129',
    'example.org',
    '12D3KooW',
    '192.0.2.0/-1',
    '192.0.2.0/1e1',
  ]) {
    assert.throws(() => accessList([bad]), { name: 'TypeError', message: new RegExp(`^"${bad}" must be`) });
  }
});
