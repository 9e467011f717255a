import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitSubject, TrustedProxies } from '../../../../gateway/protection/client-address.ts';

const proxies = new TrustedProxies(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48']);

function clientOf(peer: string, forwarded?: string | string[]): { address: string; isLocal: boolean } {
  return proxies.clientOf(peer, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded });
}

test('without a proxy the client is who is connected', () => {
  assert.deepEqual(clientOf('192.0.2.7'), { address: '192.0.2.7', isLocal: false });
  assert.deepEqual(clientOf('::ffff:192.0.2.7'), { address: '192.0.2.7', isLocal: false });
  for (const local of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.ok(clientOf(local).isLocal, local);
});

test('what an untrusted client says of itself is not believed', () => {
  assert.deepEqual(clientOf('192.0.2.7', '127.0.0.1'), { address: '192.0.2.7', isLocal: false });
  assert.deepEqual(new TrustedProxies([]).clientOf('127.0.0.1', { 'x-forwarded-for': '192.0.2.9' }), {
    address: '127.0.0.1',
    isLocal: false,
  });
});

test('behind trusted proxies it is whom the first untrusted hop from the right names', () => {
  const cases: readonly [string, string | string[], string][] = [
    ['127.0.0.1', '192.0.2.9', '192.0.2.9'],
    ['127.0.0.1', '203.0.113.1, 192.0.2.9', '192.0.2.9'],
    ['127.0.0.1', '127.0.0.1, 192.0.2.9', '192.0.2.9'],
    ['127.0.0.1', '203.0.113.1, 192.0.2.9, 10.1.2.3', '192.0.2.9'],
    ['127.0.0.1', ['203.0.113.1', '192.0.2.9, 10.1.2.3'], '192.0.2.9'],
    ['10.9.9.9', '[2001:db8:ffff::1]:4711', '2001:db8:ffff::1'],
    ['10.9.9.9', '192.0.2.9:4711', '192.0.2.9'],
    ['2001:db8:1::5', '2001:DB8:FFFF:0::1', '2001:db8:ffff::1'],
    ['127.0.0.1', '::ffff:192.0.2.9', '192.0.2.9'],
  ];
  for (const [peer, forwarded, address] of cases) {
    assert.deepEqual(clientOf(peer, forwarded), { address, isLocal: false }, String(forwarded));
  }
});

test('a hop that is no address ends the walk at the proxy that passed it on', () => {
  for (const forwarded of ['', 'unknown', '192.0.2.9, _hidden', '192.0.2.9, fe80::1%eth0', '1.2.3.4.5']) {
    assert.deepEqual(clientOf('10.0.0.1', forwarded), { address: '10.0.0.1', isLocal: false }, forwarded);
  }
});

test('nobody is local who comes through a proxy, whatever the proxy says', () => {
  assert.equal(clientOf('127.0.0.1', '127.0.0.1').isLocal, false);
  for (const header of ['forwarded', 'x-real-ip', 'via']) {
    assert.equal(proxies.clientOf('127.0.0.1', { [header]: '127.0.0.1' }).isLocal, false, header);
  }
});

test('only so many hops are read', () => {
  const forwarded = ['192.0.2.9', ...Array.from({ length: 5_000 }, () => '10.0.0.1')].join(',');
  assert.equal(clientOf('127.0.0.1', forwarded).address, '10.0.0.1');
});

test('an IPv6 client is limited as its network', () => {
  assert.equal(limitSubject('192.0.2.9'), '192.0.2.9');
  const network = limitSubject('2001:db8:1:2:3:4:5:6');
  assert.equal(network, '2001:db8:1:2::/64');
  assert.equal(limitSubject('2001:db8:1:2::1'), network);
  assert.notEqual(limitSubject('2001:db8:1:3::1'), network);
  assert.equal(limitSubject('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(limitSubject('::1'), '0:0:0:0::/64');
  assert.equal(limitSubject('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64');
});
