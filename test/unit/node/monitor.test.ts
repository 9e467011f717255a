import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { PeerId } from '@libp2p/interface';
import { Registry } from 'prom-client';
import { NodeMonitor } from '../../../node/monitor.ts';
import { EventLog } from '../../../node/observability/events.ts';
import { Meter } from '../../../node/observability/meter.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { scratch } from '../../support/processes.ts';
import { parseExposition, valueOf } from '../../support/scrape.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** A network that is told who comes and goes. */
class FakeNetwork extends EventTarget {
  getConnections(): [] {
    return [];
  }

  says(type: 'peer:connect' | 'peer:disconnect', peer: string): void {
    this.dispatchEvent(new CustomEvent(type, { detail: peer as unknown as PeerId }));
  }
}

function make(t: TestContext, registry = new Registry()) {
  const clock = new ManualClock(1_000_000);
  const events = new EventLog({ logger: silentLogger(), clock });
  const network = new FakeNetwork();
  const sight = new NodeMonitor(
    {
      events,
      clock,
      network: network as never,
      counted: { path: 'blocks', bytes: () => 0 },
      meter: new Meter(registry),
    },
    { data: scratch(t), version: '0', role: 'full', startedAt: 0 },
  );
  t.after(() => sight.stop());
  return { sight, events, network, registry };
}

test('peers that come and go are events while it runs, and not after', (t) => {
  const { sight, events, network } = make(t);
  sight.start();
  sight.start();
  network.says('peer:connect', 'a');
  network.says('peer:connect', 'b');
  network.says('peer:disconnect', 'a');
  assert.equal(events.count('peer_connected'), 2);
  assert.equal(events.count('peer_disconnected'), 1);
  sight.stop();
  network.says('peer:connect', 'c');
  assert.equal(events.count('peer_connected'), 2);
});

test('its metrics are there while it runs', async (t) => {
  const { sight, network, registry } = make(t);
  for (const run of [1, 2]) {
    sight.start();
    network.says('peer:connect', 'a');
    const families = parseExposition(await registry.metrics());
    assert.equal(valueOf(families, 'maillon_events_total', { event: 'peer_connected' }), run);
    sight.stop();
    assert.equal(parseExposition(await registry.metrics()).size, 0);
  }
});
