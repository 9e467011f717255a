import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { EVENTS, EventLog, type EventName } from '../../../../node/observability/events.ts';
import { createLogger } from '../../../../node/observability/logger.ts';
import { Meter } from '../../../../node/observability/meter.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { parseExposition, valueOf } from '../../../support/scrape.ts';

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = createLogger({ 'log.level': 'debug', 'log.format': 'json' }, { stream });
  const clock = new ManualClock(0);
  return { lines, clock, events: new EventLog({ logger, clock }) };
}

test('one call is a line in the log and one more in the metric', async () => {
  const { lines, events } = recorded();
  const registry = new Registry();
  events.register(new Meter(registry));
  events.report('peer_connected', { peer: '12D3' });
  events.report('peer_connected', { peer: '12D4' });
  assert.deepEqual(
    lines.map(({ event, peer, level, msg }) => ({ event, peer, level, msg })),
    ['12D3', '12D4'].map((peer) => ({ event: 'peer_connected', peer, level: 20, msg: 'a peer connected' })),
  );
  const families = parseExposition(await registry.metrics());
  assert.equal(valueOf(families, 'maillon_events_total', { event: 'peer_connected' }), 2);
  assert.equal(valueOf(families, 'maillon_events_total', { event: 'disk_failed' }), 0);
  // those that did not happen are there, too: an alarm on a metric that is missing never rings
  assert.equal(families.get('maillon_events_total')?.samples.length, Object.keys(EVENTS).length);
});

test('what may come often is logged seldom and counted always', () => {
  const { lines, clock, events } = recorded();
  for (let n = 0; n < 5; n++) events.report('event_loop_stalled', { ms: 300 });
  assert.equal(lines.length, 1);
  assert.equal(events.count('event_loop_stalled'), 5);
  clock.advance(EVENTS.event_loop_stalled.everyMs);
  events.report('event_loop_stalled', { ms: 301 });
  assert.equal(lines.length, 2);
  assert.deepEqual({ ms: lines[1]?.['ms'], unsaid: lines[1]?.['unsaid'] }, { ms: 301, unsaid: 4 });
});

test('one event does not mute another', () => {
  const { lines, events } = recorded();
  const names: EventName[] = ['event_loop_stalled', 'disk_failed', 'relay_overloaded', 'client_cut'];
  for (const name of names) events.report(name);
  assert.deepEqual(
    lines.map(({ event }) => event),
    names,
  );
});
