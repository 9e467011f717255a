import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { PeerId } from '@libp2p/interface';
import { Registry } from 'prom-client';
import { createDirectoryMetrics } from '../../../node/directory/metrics.ts';
import { Sight } from '../../../node/monitor.ts';
import { EventLog } from '../../../node/observability/events.ts';
import { Meter } from '../../../node/observability/meter.ts';
import { createStorageServiceMetrics } from '../../../node/storage/api/counters.ts';
import { systemClock } from '../../../protocols/common/clock.ts';
import { createJoinMetrics } from '../../../protocols/join/index.ts';
import { createRelayMetrics } from '../../../protocols/relay/index.ts';
import { NO_IDENTITY, NO_IPFS, NO_NAMESPACES, NO_STORAGE } from '../../support/all-metrics.ts';
import { scratch } from '../../support/processes.ts';
import { parseExposition, valueOf } from '../../support/scrape.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const WATCH_INTERVAL_MS = 5000;

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
  t.mock.timers.enable({ apis: ['setInterval'] });
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const network = new FakeNetwork();
  const relay = {
    metrics: createRelayMetrics(),
    waiting: 0,
    subscriptionCount: 0,
    publishQueueBytes: 0,
    diskFault: null as string | null,
  };
  const sight = new Sight(
    {
      events,
      clock: systemClock,
      network: network as never,
      relay,
      directory: { metrics: createDirectoryMetrics() },
      meshSizes: () => [],
      operator: 'did:key:zOwn',
      nodes: () => [],
      ipfs: NO_IPFS,
      storage: {
        metrics: createStorageServiceMetrics(),
        status: () => NO_STORAGE,
        store: null,
        blobs: null,
        maintenance: null,
      },
      identity: NO_IDENTITY,
      joining: { metrics: createJoinMetrics(), endsAt: null },
      namespaces: NO_NAMESPACES,
      meter: new Meter(registry),
    },
    { data: scratch(t), version: '0', role: 'full', startedAt: 0 },
  );
  t.after(() => sight.stop());
  return { sight, events, network, relay, registry, look: () => t.mock.timers.tick(WATCH_INTERVAL_MS) };
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

test('an overload is reported while it grows, a disk fault once until it is gone', (t) => {
  const { sight, events, relay, look } = make(t);
  sight.start();
  look();
  assert.equal(events.count('relay_overloaded') + events.count('disk_failed'), 0);
  relay.metrics.refused.overloaded += 3;
  relay.diskFault = 'no space';
  look();
  look();
  assert.equal(events.count('relay_overloaded'), 1);
  assert.equal(events.count('disk_failed'), 1);
  relay.diskFault = null;
  look();
  relay.diskFault = 'no space again';
  relay.metrics.refused.overloaded += 1;
  look();
  assert.equal(events.count('relay_overloaded'), 2);
  assert.equal(events.count('disk_failed'), 2);
});

test('its metrics are there while it runs, with the counts of what it watches', async (t) => {
  const { sight, relay, registry } = make(t);
  for (const _run of [1, 2]) {
    sight.start();
    relay.metrics.refused.envelope_clock += 1;
    const families = parseExposition(await registry.metrics());
    const refused = valueOf(families, 'maillon_relay_envelopes_refused_total', { code: 'envelope_clock' });
    assert.equal(refused, relay.metrics.refused.envelope_clock);
    sight.stop();
    assert.equal(parseExposition(await registry.metrics()).size, 0);
  }
});
