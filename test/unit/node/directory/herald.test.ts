import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Herald } from '../../../../node/directory/herald.ts';
import { describeSelf } from '../../../../node/directory/self.ts';
import { createCrypto, createEd25519Signer } from '../../../../node/runtime/crypto.ts';
import { NodeAnnouncer, type SignedAnnouncement } from '../../../../protocols/nodes/index.ts';
import { circuit, dns4, ownId, tcp4 } from '../../../support/announcements.ts';
import { authorNumber } from '../../../support/directory.ts';
import { SWARM, TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const SPONSORSHIP = { operator: '', chain: [], isReady: false };
const SELF = { role: 'full', version: '1', connectionsMax: 300, storageBytes: 0 } as const;

class Node {
  readonly clock = new ManualClock(TIME);
  readonly sent: SignedAnnouncement[] = [];
  addresses = [tcp4('192.0.2.1', 1)];
  listeners = 0;
  isReady = false;
  twins = 0;
  readonly herald = new Herald({
    announcer: new NodeAnnouncer(
      { crypto: createCrypto(), clock: this.clock, signer: createEd25519Signer(Buffer.alloc(32, 1)) },
      { swarm: SWARM },
    ),
    clock: this.clock,
    describe: () => describeSelf(SELF, this.addresses, { ...SPONSORSHIP, isReady: this.isReady }),
    publish: async (one) => {
      this.sent.push(one);
      return this.listeners;
    },
    hasListeners: () => this.listeners > 0,
    onTwin: () => {
      this.twins += 1;
    },
  });

  async live(seconds: number): Promise<number> {
    const before = this.sent.length;
    for (let i = 0; i < seconds; i++) {
      this.clock.advance(1000);
      await this.herald.tick();
    }
    return this.sent.length - before;
  }
}

test('a node announces itself at its start, and again when somebody can hear it', async () => {
  const node = new Node();
  await node.herald.tick();
  assert.equal(node.sent.length, 1);
  assert.equal(await node.live(60), 0, 'nobody is there');
  node.listeners = 3;
  assert.equal(await node.live(60), 1);
});

test('it announces itself every ten minutes', async () => {
  const node = new Node();
  node.listeners = 1;
  await node.herald.tick();
  assert.equal(await node.live(3600), 6);
});

test('a node that moves says so, five seconds apart at least', async () => {
  const node = new Node();
  node.listeners = 1;
  await node.herald.tick();
  for (let i = 0; i < 20; i++) {
    node.addresses = [tcp4('192.0.2.1', 100 + i)];
    await node.live(1);
  }
  const times = node.sent.map(({ time }) => time);
  assert.ok(times.length >= 4 && times.length <= 5, times.join());
  for (const [i, time] of times.entries()) assert.ok(i === 0 || time - (times[i - 1] ?? 0) >= 5000);
  await node.live(10);
  assert.deepEqual(Buffer.from(node.sent.at(-1)?.addresses[0] ?? []), tcp4('192.0.2.1', 119));
  assert.equal(await node.live(100), 0);
});

test('an announcement of its own from before a restart is outdone', async () => {
  const node = new Node();
  node.listeners = 1;
  await node.herald.tick();
  node.herald.outdone(TIME + 15_000);
  await node.live(10);
  assert.ok((node.sent.at(-1)?.time ?? 0) > TIME + 15_000);
});

test('what others cannot dial is not announced; direct addresses come first; loopback only when alone', () => {
  const direct = tcp4('192.0.2.1', 1);
  const relayed = circuit(tcp4('198.51.100.1', 1), authorNumber(1));
  const loopback = tcp4('127.0.0.1', 1);
  const foreign = Buffer.concat([direct, ownId(authorNumber(2))]);
  const named = dns4('a.example', 1);
  const told = (...addresses: Buffer[]): Buffer[] =>
    describeSelf(SELF, addresses, SPONSORSHIP).addresses.map((one) => Buffer.from(one));
  assert.deepEqual(told(relayed, loopback, foreign, direct, named), [direct, named, relayed]);
  assert.deepEqual(told(loopback), [loopback]);
  assert.deepEqual(told(...Array.from({ length: 20 }, (_, i) => tcp4('192.0.2.1', i + 1))).length, 16);
  assert.deepEqual(describeSelf({ ...SELF, role: 'light' }, [direct], SPONSORSHIP).addresses, []);
});

test('an announcement of its own identity that is later than any of an earlier run is a twin’s', async () => {
  const node = new Node();
  await node.herald.tick();
  node.herald.outdone(TIME + 20_000);
  assert.equal(node.twins, 0, 'an earlier run, whose clock was put back since');
  node.herald.outdone(TIME + 60_000);
  assert.equal(node.twins, 1);
});
