import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventLog } from '../../../../node/observability/events.ts';
import { RelayWatch } from '../../../../node/relay/watch.ts';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { createRelayMetrics } from '../../../../protocols/relay/index.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const WATCH_INTERVAL_MS = 5000;

test('an overload is reported while it grows, a disk fault once until it is gone', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const look = (): void => t.mock.timers.tick(WATCH_INTERVAL_MS);
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const relay = { metrics: createRelayMetrics(), diskFault: null as string | null };
  const watch = new RelayWatch({ events, relay });
  t.after(() => watch.stop());
  watch.start();
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
