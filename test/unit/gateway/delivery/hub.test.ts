import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnEnds } from 'node:timers/promises';
import type { Batch } from '../../../../gateway/core/batch.ts';
import { EndOfTurn } from '../../../../gateway/core/end-of-turn.ts';
import { WRITE_BATCH_BYTES } from '../../../../gateway/core/limits.ts';
import { type Encoding, Hub, type Sink } from '../../../../gateway/delivery/hub.ts';
import { createGatewayMetrics, type GatewayMetrics } from '../../../../gateway/observability/metrics.ts';
import { FakeRelay } from '../../../support/fake-relay.ts';

const topic = { owner: '', namespace: 'default', topic: 'a' };

class CountingEncoding implements Encoding {
  frames = 0;

  encode({ data }: { data: Uint8Array }): Buffer {
    this.frames += 1;
    return Buffer.from(data);
  }
}

class Inbox implements Sink {
  readonly batches: Batch[] = [];

  get text(): string {
    return this.batches.map(({ bytes }) => bytes.toString()).join('|');
  }

  take(batch: Batch): void {
    this.batches.push(batch);
  }
}

interface Opened {
  readonly relay: FakeRelay;
  readonly hub: Hub;
  readonly metrics: GatewayMetrics;
  readonly say: (text: string) => Promise<unknown>;
}

function open(): Opened {
  const relay = new FakeRelay();
  const metrics = createGatewayMetrics();
  const hub = new Hub({ relay, turn: new EndOfTurn(), metrics });
  return { relay, hub, metrics, say: (text) => relay.publish({ ...topic, data: Buffer.from(text) }) };
}

test('one subscription, one frame and one batch serve any number of clients', async () => {
  const { relay, hub, metrics, say } = open();
  const encoding = new CountingEncoding();
  const inboxes = Array.from({ length: 5 }, () => new Inbox());
  for (const inbox of inboxes) hub.subscribe(topic, encoding, inbox);
  await say('x');
  await say('y');
  assert.deepEqual(
    inboxes.map(({ text }) => text),
    ['', '', '', '', ''],
    'a turn of the event loop is gathered',
  );
  await turnEnds();
  assert.deepEqual([relay.subscriptions, metrics.subscriptions, encoding.frames], [1, 5, 2]);
  assert.deepEqual(
    inboxes.map(({ text }) => text),
    ['xy', 'xy', 'xy', 'xy', 'xy'],
  );
  assert.equal(new Set(inboxes.map(({ batches }) => batches[0])).size, 1, 'all got the very same batch');
  assert.equal(inboxes[0]?.batches[0]?.frames, 2);
});

test('another encoding has its own frame, another topic its own subscription', async () => {
  const { relay, hub, say } = open();
  const [first, second] = [new CountingEncoding(), new CountingEncoding()];
  hub.subscribe(topic, first, new Inbox());
  hub.subscribe(topic, second, new Inbox());
  hub.subscribe({ ...topic, topic: 'b' }, first, new Inbox());
  hub.subscribe({ ...topic, namespace: 'other' }, first, new Inbox());
  await say('x');
  assert.equal(relay.subscriptions, 3);
  assert.deepEqual([first.frames, second.frames], [1, 1]);
});

test('the last to leave closes the subscription, and leaving twice is leaving once', async () => {
  const { relay, hub, metrics, say } = open();
  const encoding = new CountingEncoding();
  const leaveFirst = hub.subscribe(topic, encoding, new Inbox());
  const leaveSecond = hub.subscribe(topic, encoding, new Inbox());
  leaveFirst();
  leaveFirst();
  assert.deepEqual([relay.subscriptions, metrics.subscriptions], [1, 1]);
  leaveSecond();
  assert.deepEqual([relay.subscriptions, metrics.subscriptions], [0, 0]);
  assert.equal(hub.size, 0);
  await say('x');
  assert.equal(encoding.frames, 0);
  const leaveThird = hub.subscribe(topic, encoding, new Inbox());
  leaveSecond();
  assert.equal(relay.subscriptions, 1, 'a stale leave does not close a later subscription');
  leaveThird();
});

test('whoever comes or goes within a turn gets what came meanwhile, nothing before and nothing after', async () => {
  const { hub, say } = open();
  const encoding = new CountingEncoding();
  const [stays, comes, goes] = [new Inbox(), new Inbox(), new Inbox()];
  hub.subscribe(topic, encoding, stays);
  const leave = hub.subscribe(topic, encoding, goes);
  await say('1');
  hub.subscribe(topic, encoding, comes);
  await say('2');
  leave();
  assert.equal(goes.text, '1|2', 'it has got everything when leaving returns');
  await say('3');
  await turnEnds();
  assert.deepEqual([stays.text, comes.text, goes.text], ['1|2|3', '2|3', '1|2']);
});

test('no more is gathered than one write takes', async () => {
  const { hub, say } = open();
  const inbox = new Inbox();
  hub.subscribe(topic, new CountingEncoding(), inbox);
  await say('x'.repeat(WRITE_BATCH_BYTES - 1));
  assert.equal(inbox.batches.length, 0);
  await say('y');
  assert.equal(inbox.batches.length, 1);
});
