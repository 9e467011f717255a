import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Dial, DialBack } from '../../../../node/directory/dial-back.ts';
import type { Entry } from '../../../../node/directory/entry.ts';
import { DIALS_AT_ONCE, PREFIX_DIALS_BURST, REPEAT_MS } from '../../../../node/directory/limits.ts';
import { createDirectoryMetrics } from '../../../../node/directory/metrics.ts';
import { Roster } from '../../../../node/directory/roster.ts';
import { circuit, tcp4 } from '../../../support/announcements.ts';
import { authorNumber, held } from '../../../support/directory.ts';
import { TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

interface Options {
  /** Whether somebody answers there. */
  readonly answers?: (entry: Entry, address: string) => boolean;
  readonly connected?: ReadonlySet<string>;
  readonly perPrefix?: number;
}

/** Dial-backs into a world that the test makes up; time goes when it is told to. */
class World {
  readonly clock = new ManualClock(TIME);
  readonly roster: Roster;
  readonly metrics = createDirectoryMetrics();
  readonly dialBack: DialBack;
  readonly dialled: { id: string; address: string; at: number }[] = [];
  readonly failed: string[] = [];
  most = 0;
  #now = 0;

  constructor({ answers = () => true, connected = new Set(), perPrefix = 32 }: Options = {}) {
    this.roster = new Roster({ clock: this.clock }, { max: 4096, perPrefix, splitLoopback: false });
    const dial: Dial = async (entry, address) => {
      this.dialled.push({ id: entry.id, address: address.text, at: this.clock.now() });
      this.#now += 1;
      this.most = Math.max(this.most, this.#now);
      await Promise.resolve();
      this.#now -= 1;
      if (!answers(entry, address.text)) throw new Error('nobody there');
      return address;
    };
    this.dialBack = new DialBack({
      roster: this.roster,
      clock: this.clock,
      logger: silentLogger(),
      metrics: this.metrics,
      dial,
      isConnected: ({ id }) => connected.has(id),
      openAt: () => undefined,
      onFailed: ({ id }) => this.failed.push(id),
      random: Math.random,
    });
  }

  put(n: number, ...addresses: readonly Buffer[]): Entry {
    const entry = this.roster.put(held(TIME, authorNumber(n), ...addresses));
    assert.ok(entry !== null);
    this.dialBack.schedule(entry);
    return entry;
  }

  /** Lets `seconds` go by, with a look every quarter of one. */
  async live(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 4; i++) {
      this.clock.advance(250);
      await this.dialBack.look();
    }
  }
}

test('who announced itself is dialled, once, and verified when it answers', async () => {
  const world = new World();
  const entry = world.put(1, tcp4('192.0.2.1', 1));
  await world.live(60);
  assert.equal(entry.isVerified, true);
  assert.equal(world.dialled.length, 1);
  assert.deepEqual([world.metrics.dialBacksOk, world.metrics.dialBacksFailed], [1, 0]);
});

test('who was reached is dialled again after an hour, give or take a quarter', async () => {
  const world = new World();
  const entry = world.put(1, tcp4('192.0.2.1', 1));
  await world.live(1);
  const wait = entry.dialAt - world.clock.now();
  assert.ok(wait >= REPEAT_MS * 0.74 && wait <= REPEAT_MS * 1.26, String(wait));
});

test('who does not answer is asked ever more rarely, and stays hearsay', async () => {
  const world = new World({ answers: () => false });
  const entry = world.put(1, tcp4('192.0.2.1', 1));
  await world.live(1500);
  assert.equal(entry.isVerified, false);
  const times = world.dialled.map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
  assert.ok(times.length >= 4 && times.length <= 6, `${times.length} dials in 25 minutes`);
  for (const [i, gap] of gaps.entries()) assert.ok(gap >= 60_000 * 2 ** i * 0.75, gaps.join());
  assert.equal(world.failed.length, times.length);
});

test('a node that moves while it is dialled is dialled at its new place at once', async () => {
  const addresses = [tcp4('10.0.0.1', 1), tcp4('192.0.2.1', 1)] as const;
  const world = new World({
    answers: (_, address) => {
      if (address.includes('192.0.2.1')) return true;
      // no answer for some seconds, in which it says where it is now
      world.clock.advance(3_000);
      world.dialBack.schedule(moved());
      return false;
    },
  });
  const moved = (): Entry => {
    const later = held(world.clock.now(), authorNumber(1), ...addresses);
    return world.roster.put(later) ?? assert.fail();
  };
  const entry = world.put(1, addresses[0]);
  await world.live(3);
  assert.deepEqual([entry.isVerified, entry.failures], [true, 0]);
  assert.deepEqual(world.failed, []);
});

test('no more are dialled at once and a second than the budget says', async () => {
  const world = new World();
  for (let n = 0; n < 300; n++) world.put(n, tcp4(`10.${n >> 8}.${n & 255}.1`, 1));
  await world.live(30);
  assert.ok(world.most <= DIALS_AT_ONCE, String(world.most));
  // 4 a second and a burst of 16
  assert.ok(world.dialled.length <= 30 * 4 + 17, String(world.dialled.length));
  assert.ok(world.dialled.length >= 90, String(world.dialled.length));
});

test('one prefix is not knocked at more often than its budget says', async () => {
  const world = new World({ answers: () => false });
  for (let n = 0; n < 32; n++) world.put(n, tcp4('192.0.2.1', n + 1));
  await world.live(20);
  assert.ok(world.dialled.length <= PREFIX_DIALS_BURST + 1 + 20 * 0.5, String(world.dialled.length));
});

test('addresses of others in one announcement do not make it knock at many doors', async () => {
  const world = new World({ answers: () => false });
  world.put(1, ...Array.from({ length: 16 }, (_, i) => tcp4(`10.0.${i}.1`, 1)));
  await world.live(30);
  assert.equal(world.dialled.length, 3);
});

test('all addresses have their turn in the end', async () => {
  const world = new World({ answers: (_, address) => address.includes('10.0.7.1') });
  const entry = world.put(1, ...Array.from({ length: 8 }, (_, i) => tcp4(`10.0.${i}.1`, 1)));
  await world.live(600);
  assert.equal(entry.isVerified, true);
  assert.equal(entry.prefix, '10.0.7.0/24');
});

test('a direct address is tried before one through a relay', async () => {
  const world = new World();
  const entry = world.put(1, circuit(tcp4('192.0.2.1', 1), authorNumber(9)), tcp4('198.51.100.1', 1));
  await world.live(5);
  assert.equal(entry.reachedAt?.reach, 'direct');
});

test('200 sybils of one prefix that answer do not crowd out the honest', async () => {
  const world = new World();
  const honest = Array.from({ length: 10 }, (_, n) => world.put(n, tcp4(`10.0.${n}.1`, 1)));
  for (let n = 100; n < 300; n++) {
    const entry = world.roster.put(held(TIME, authorNumber(n), tcp4('192.0.2.1', n)));
    if (entry !== null) world.dialBack.schedule(entry);
  }
  const late = Array.from({ length: 10 }, (_, n) => world.put(500 + n, tcp4(`10.1.${n}.1`, 1)));
  await world.live(300);
  assert.ok([...honest, ...late].every((entry) => world.roster.get(entry.id)?.isVerified));
  const sybils = [...world.roster].filter(({ prefix }) => prefix === '192.0.2.0/24');
  assert.equal(sybils.filter(({ isVerified }) => isVerified).length, 32);
  assert.ok(sybils.length <= 64, String(sybils.length));
});

test('connected peers come first, then prefixes in turn', async () => {
  const connected = new Set<string>();
  const world = new World({ connected });
  for (let n = 0; n < 30; n++) world.put(n, tcp4('192.0.2.1', n + 1));
  const lone = world.put(40, tcp4('198.51.100.1', 1));
  const here = world.put(41, tcp4('192.0.2.1', 99));
  connected.add(here.id);
  world.clock.advance(60_000);
  await world.dialBack.look();
  const first = world.dialled.map(({ id }) => id);
  assert.equal(first[0], here.id);
  assert.ok(first.slice(0, DIALS_AT_ONCE).includes(lone.id), 'the crowd does not go before');
});
