import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, MultiaddrConnection, PeerId } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { ConnectionPolicy, type PolicyInit } from '../../../../node/network/policy.ts';

const INIT: PolicyInit = {
  allow: [],
  deny: [],
  perAddress: 2,
  perPeer: 2,
  dialPrivate: 'never',
  resolves: true,
  isLocal: false,
};
const PUBLIC = '/ip4/93.184.216.34/tcp/4411';
const LOOPBACK = '/ip4/127.0.0.1/tcp/4411';
const LAN = '/ip4/192.168.77.3/tcp/4411';

async function peer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
}

function from(address: string, remotePeer?: PeerId): Connection & MultiaddrConnection {
  return { remoteAddr: multiaddr(address), remotePeer } as unknown as Connection & MultiaddrConnection;
}

function policy(init: Partial<PolicyInit> = {}, connections: Connection[] = []): ConnectionPolicy {
  return new ConnectionPolicy(
    { connections: () => connections, isReachable: () => false },
    { ...INIT, ...init },
  );
}

async function dials(one: ConnectionPolicy, address: string): Promise<boolean> {
  return !(await one.denyDialMultiaddr(multiaddr(address)));
}

test('peers cannot make a node dial this machine or a network it is not in', async () => {
  const one = policy();
  assert.equal(await dials(one, PUBLIC), true);
  for (const address of [
    LOOPBACK,
    LAN,
    '/ip4/10.1.2.3/tcp/22',
    '/ip4/169.254.169.254/tcp/80',
    '/ip6/::1/tcp/4411',
    '/ip6/fd00::1/tcp/4411',
    '/ip6/fe80::1/tcp/4411',
    '/ip4/0.0.0.0/tcp/4411',
    '/ip6/::ffff:127.0.0.1/tcp/4411',
    '/ip6/::ffff:192.168.77.3/tcp/4411',
    '/ip4/192.168.77.3/tcp/4412/ws',
    '/ip4/192.168.77.3/udp/4411/quic-v1',
    `${LAN}/p2p/12D3KooWScRHURqvpnLRNXZ3nn5E1gowyepSnFnrbLPuQN2P9QiE/p2p-circuit`,
    '/dns4/localhost/tcp/4411',
  ]) {
    assert.equal(await dials(one, address), false, address);
  }
});

test('what the operator named is dialled wherever it leads', async () => {
  const one = policy();
  one.trust(multiaddr(`${LAN}/p2p/12D3KooWScRHURqvpnLRNXZ3nn5E1gowyepSnFnrbLPuQN2P9QiE`));
  assert.equal(await dials(one, LAN), true);
  assert.equal(await dials(one, '/ip4/192.168.77.4/tcp/4411'), false);
  one.trust(multiaddr('/dns4/localhost/tcp/4411'));
  assert.equal(await dials(one, '/dns4/localhost/tcp/4411'), true);
});

test('loopback is dialled where the swarm is this machine', async () => {
  assert.equal(await dials(policy({ isLocal: true }), LOOPBACK), true);
  assert.equal(await dials(policy({ isLocal: true }), LAN), false);
  const told = policy();
  told.trust(multiaddr(LOOPBACK));
  assert.equal(await dials(told, '/ip4/127.0.0.1/tcp/9999'), true);
  assert.equal(await dials(policy({}, [from('/ip4/127.0.0.1/tcp/5')]), LOOPBACK), true);
});

test('private addresses: all by setting', async () => {
  assert.equal(await dials(policy({ dialPrivate: 'always' }), LAN), true);
  assert.equal(await dials(policy({ dialPrivate: 'always' }), LOOPBACK), false);
});

test('a name that does not resolve is not dialled; behind a proxy nobody asks', async () => {
  assert.equal(await dials(policy(), '/dns4/no-such-host.invalid/tcp/4411'), false);
  assert.equal(await dials(policy({ resolves: false }), '/dns4/no-such-host.invalid/tcp/4411'), true);
});

test('denied addresses and peers neither connect nor are dialled', async () => {
  const [foe, friend] = [await peer(), await peer()];
  const one = policy({ deny: ['93.184.216.0/24', '2001:db8::/32', foe.toString()] });
  assert.equal(await dials(one, PUBLIC), false);
  assert.equal(await dials(one, '/ip6/2001:db8::5/tcp/1'), false);
  assert.equal(one.denyInboundConnection(from('/ip4/93.184.216.9/tcp/5')), true);
  assert.equal(one.denyInboundConnection(from('/ip4/93.184.217.9/tcp/5')), false);
  assert.equal(one.denyDialPeer(foe), true);
  assert.equal(one.denyDialPeer(friend), false);
  assert.equal(one.denyInboundEncryptedConnection(foe, from('/ip4/8.8.8.8/tcp/5')), true);
  assert.equal(one.denyInboundEncryptedConnection(friend, from('/ip4/8.8.8.8/tcp/5')), false);
  const trusted = policy({ deny: ['93.184.216.0/24'] });
  trusted.trust(multiaddr(PUBLIC));
  assert.equal(await dials(trusted, PUBLIC), false, 'a ban outweighs a bootstrap entry');
});

test('an allow list of peers lets in nobody else, once it is known who they are', async () => {
  const [friend, stranger] = [await peer(), await peer()];
  const one = policy({ allow: [friend.toString()] });
  assert.equal(one.denyInboundConnection(from('/ip4/8.8.8.8/tcp/5')), false, 'not known yet');
  assert.equal(one.denyInboundEncryptedConnection(stranger, from('/ip4/8.8.8.8/tcp/5')), true);
  assert.equal(one.denyInboundEncryptedConnection(friend, from('/ip4/8.8.8.8/tcp/5')), false);
  assert.equal(one.denyDialPeer(stranger), true);
  assert.equal(one.filterMultiaddrForPeer(stranger, multiaddr(PUBLIC)), false);
});

test('an allow list of ranges lets in who is there', async () => {
  const someone = await peer();
  const one = policy({ allow: ['192.168.77.0/24'] });
  assert.equal(one.denyInboundConnection(from('/ip4/8.8.8.8/tcp/5')), true);
  assert.equal(one.denyInboundConnection(from('/ip4/192.168.77.9/tcp/5')), false);
  assert.equal(one.denyInboundEncryptedConnection(someone, from('/ip4/192.168.77.9/tcp/5')), false);
  assert.equal(await dials(one, LAN), true, 'allowed by name, though private');
  assert.equal(await dials(one, PUBLIC), false);
});

test('one address and one peer have so many connections and no more; loopback is not counted', async () => {
  const someone = await peer();
  const there = [from('/ip4/8.8.8.8/tcp/1', someone), from('/ip4/8.8.8.8/tcp/2', someone)];
  const one = policy({}, there);
  assert.equal(one.denyInboundConnection(from('/ip4/8.8.8.8/tcp/3')), true);
  assert.equal(one.denyInboundConnection(from('/ip4/8.8.4.4/tcp/3')), false);
  assert.equal(one.denyInboundEncryptedConnection(someone, from('/ip4/8.8.4.4/tcp/3')), true);
  assert.equal(one.denyOutboundEncryptedConnection(someone, from('/ip4/8.8.4.4/tcp/3')), true);
  const local = policy({}, [from('/ip4/127.0.0.1/tcp/1'), from('/ip4/127.0.0.1/tcp/2')]);
  assert.equal(local.denyInboundConnection(from('/ip4/127.0.0.1/tcp/3')), false);
});

test('an address that would not be dialled is not kept or handed on either', async () => {
  const someone = await peer();
  assert.equal(policy().filterMultiaddrForPeer(someone, multiaddr(LAN)), false);
  assert.equal(policy().filterMultiaddrForPeer(someone, multiaddr(PUBLIC)), true);
});

test('who is not reached at a public address gives no relay reservation', () => {
  assert.equal(policy().denyInboundRelayReservation(), true);
});
