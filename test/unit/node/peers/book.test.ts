import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Network } from '../../../../node/network/libp2p.ts';
import { PeerBook } from '../../../../node/peers/book.ts';
import { readBook } from '../../../../node/peers/book-file.ts';
import { peerIdOf } from '../../../support/announcements.ts';
import { authorNumber } from '../../../support/directory.ts';
import { TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

/** The network as the book sees it: connections that open and close. */
class Connections extends EventTarget {
  readonly open = new Map<string, { remotePeer: string; remoteAddr: Multiaddr; direction: string }>();

  getPeers(): string[] {
    return [...this.open.keys()];
  }

  getConnections(): unknown[] {
    return [...this.open.values()];
  }

  dial(n: number, host: string, direction = 'outbound'): string {
    const id = peerIdOf(authorNumber(n));
    const connection = { remotePeer: id, remoteAddr: multiaddr(`${host}/tcp/4411/p2p/${id}`), direction };
    this.open.set(id, connection);
    this.dispatchEvent(new CustomEvent('connection:open', { detail: connection }));
    return id;
  }

  hangUp(id: string): void {
    const connection = this.open.get(id);
    this.open.delete(id);
    this.dispatchEvent(new CustomEvent('connection:close', { detail: connection }));
  }
}

interface Kept {
  readonly data: string;
  readonly clock: ManualClock;
  readonly connections: Connections;
  readonly book: PeerBook;
}

function keep(t: TestContext, data = scratch(t)): Kept {
  const clock = new ManualClock(TIME);
  const connections = new Connections();
  const network = connections as unknown as Network;
  const book = new PeerBook({ network, clock, logger: silentLogger() }, { data });
  book.start();
  t.after(() => book.stop());
  return { data, clock, connections, book };
}

test('who was dialled with success is remembered over a stop; who only came is not', (t) => {
  const { data, connections, book } = keep(t);
  const id = connections.dial(1, '/ip4/192.0.2.1');
  connections.dial(2, '/ip4/192.0.2.2', 'inbound');
  book.stop();
  const again = keep(t, data).book;
  assert.deepEqual(
    again.candidates().map(({ id, addresses }) => [id, addresses.map(String)]),
    [[id, [`/ip4/192.0.2.1/tcp/4411/p2p/${id}`]]],
  );
});

test('the first peers are on disk after a second, later changes with the next write', (t) => {
  const { data, clock, connections, book } = keep(t);
  const written = (): number => readBook(join(data, 'peers'), silentLogger()).length;
  connections.dial(1, '/ip4/192.0.2.1');
  clock.advance(999);
  assert.equal(existsSync(join(data, 'peers')), false);
  clock.advance(1);
  assert.equal(statSync(join(data, 'peers')).mode & 0o777, 0o600);
  for (let n = 2; n <= 16; n++) connections.dial(n, `/ip4/192.0.2.${n}`);
  clock.advance(1_000);
  assert.equal(written(), 16);
  connections.dial(17, '/ip4/198.51.100.1');
  clock.advance(29_999);
  assert.equal(written(), 16);
  clock.advance(1);
  assert.equal(written(), 17);
  book.forget(peerIdOf(authorNumber(17)));
  book.stop();
  assert.equal(written(), 16);
  assert.equal(clock.timers, 0);
});

test('a peer keeps a few addresses, the one that worked last first', (t) => {
  const { connections, book } = keep(t);
  for (let i = 1; i <= 6; i++) connections.dial(1, `/ip4/192.0.2.${i}`);
  const id = connections.dial(1, '/ip4/192.0.2.4');
  connections.hangUp(id);
  const [candidate] = book.candidates();
  const hosts = candidate?.addresses.map((address) => address.toString().split('/')[2]);
  assert.deepEqual(hosts, ['192.0.2.4', '192.0.2.6', '192.0.2.5', '192.0.2.3']);
});

test('prefixes have their turn, those seen last first, those that failed at the end, connected ones not', (t) => {
  const { connections, book, clock } = keep(t);
  const ids = ['192.0.2.1', '192.0.2.2', '198.51.100.1', '203.0.113.1'].map((host, n) => {
    const id = connections.dial(n, `/ip4/${host}`);
    clock.advance(1000);
    connections.hangUp(id);
    return id;
  });
  const here = connections.dial(9, '/ip4/10.0.0.1');
  const [a, b, c, d] = ids;
  assert.deepEqual(
    book.candidates().map(({ id }) => id),
    [d, c, b, a],
  );
  book.failed(d ?? '');
  assert.deepEqual(
    book.candidates().map(({ id }) => id),
    [c, b, a, d],
  );
  assert.ok(!book.candidates().some(({ id }) => id === here));
  connections.hangUp(connections.dial(3, '/ip4/203.0.113.1'));
  assert.equal(book.candidates()[0]?.id, d, 'a success makes good for failures');
});

test('the book is bounded, in all and by prefix; loopback is not counted', (t) => {
  const { connections, book } = keep(t);
  for (let n = 0; n < 40; n++) connections.hangUp(connections.dial(n, `/ip4/192.0.2.${n + 1}`));
  assert.equal(book.size, 16);
  for (let n = 100; n < 140; n++) connections.hangUp(connections.dial(n, '/ip4/127.0.0.1'));
  assert.equal(book.size, 56);
  for (let n = 200; n < 500; n++) connections.hangUp(connections.dial(n, `/ip4/10.${n >> 8}.${n & 255}.1`));
  assert.equal(book.size, 256);
});
