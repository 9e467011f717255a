import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network } from '../../../../node/network/libp2p.ts';
import { LIVENESS, Liveness } from '../../../../node/peers/liveness.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

/** Connections to peers of which some do not answer, or do not speak ping. */
function make(peers: readonly string[], mute: ReadonlySet<string> = new Set()) {
  const clock = new ManualClock(0);
  const pinged: [string, number][] = [];
  const dropped: string[] = [];
  const connections = peers.map((id) => ({
    remotePeer: id,
    status: 'open',
    abort: () => void dropped.push(id),
  }));
  const ping = (peer: string, { signal }: { signal: AbortSignal }): Promise<void> => {
    pinged.push([peer, clock.monotonicNow()]);
    if (peer === 'other')
      return Promise.reject(Object.assign(new Error(), { name: 'UnsupportedProtocolError' }));
    if (!mute.has(peer)) return Promise.resolve();
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  };
  const network = { getConnections: () => [...connections], services: { ping: { ping } } };
  const liveness = new Liveness(
    { network: network as unknown as Network, clock, logger: silentLogger() },
    LIVENESS,
  );
  liveness.start();
  return { clock, dropped, liveness, pinged };
}

test('each connection is asked once in a minute, one after another', async () => {
  const peers = Array.from({ length: 12 }, (_, n) => `peer ${n}`);
  const { clock, dropped, liveness, pinged } = make(peers);
  await clock.advanceAsync(LIVENESS.periodMs);
  assert.deepEqual(new Set(pinged.map(([id]) => id)), new Set(peers));
  assert.deepEqual(
    pinged.map(([, at]) => at),
    peers.map((_, n) => 5_000 * (n + 1)),
  );
  assert.deepEqual(dropped, []);
  await liveness.stop();
  assert.equal(pinged.length, 12);
});

test('one that does not answer in time is dropped, one that does not speak ping is not', async () => {
  const { clock, dropped, liveness } = make(['mute', 'other'], new Set(['mute']));
  // "other" is asked first, the last of a round
  await clock.advanceAsync(2 * LIVENESS.pauseMaxMs + LIVENESS.timeoutMs - 1);
  assert.deepEqual(dropped, []);
  await clock.advanceAsync(1);
  assert.deepEqual(dropped, ['mute']);
  await liveness.stop();
});

test('a stop breaks off a ping and blames nobody', async () => {
  const { clock, dropped, liveness, pinged } = make(['mute'], new Set(['mute']));
  await clock.advanceAsync(LIVENESS.pauseMaxMs);
  assert.equal(pinged.length, 1);
  await liveness.stop();
  assert.deepEqual(dropped, []);
});
