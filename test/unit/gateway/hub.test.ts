import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Encoding, Hub } from '../../../gateway/hub.ts';
import { FakeRelay } from '../../support/fake-relay.ts';

const topic = { owner: '', namespace: 'default', topic: 'a' };

function countingEncoding(): Encoding & { frames: number } {
  return {
    frames: 0,
    encode(delivery) {
      this.frames += 1;
      return Buffer.from(delivery.data);
    },
  };
}

test('one subscription and one frame serve any number of clients', async () => {
  const relay = new FakeRelay();
  const hub = new Hub({ node: { relay } });
  const encoding = countingEncoding();
  const got: Buffer[] = [];
  const leave = Array.from({ length: 5 }, () => hub.subscribe(topic, encoding, (frame) => got.push(frame)));
  await relay.publish({ ...topic, data: Buffer.from('x') });
  assert.equal(relay.subscriptions, 1);
  assert.equal(encoding.frames, 1);
  assert.equal(got.length, 5);
  assert.equal(new Set(got).size, 1, 'all got the very same buffer');
  for (const one of leave) one();
});

test('another encoding has its own frame, another topic its own subscription', async () => {
  const relay = new FakeRelay();
  const hub = new Hub({ node: { relay } });
  const [first, second] = [countingEncoding(), countingEncoding()];
  hub.subscribe(topic, first, () => undefined);
  hub.subscribe(topic, second, () => undefined);
  hub.subscribe({ ...topic, topic: 'b' }, first, () => undefined);
  hub.subscribe({ ...topic, namespace: 'other' }, first, () => undefined);
  await relay.publish({ ...topic, data: Buffer.from('x') });
  assert.equal(relay.subscriptions, 3);
  assert.deepEqual([first.frames, second.frames], [1, 1]);
});

test('the last to leave closes the subscription, and leaving twice is leaving once', async () => {
  const relay = new FakeRelay();
  const hub = new Hub({ node: { relay } });
  const encoding = countingEncoding();
  const leaveFirst = hub.subscribe(topic, encoding, () => undefined);
  const leaveSecond = hub.subscribe(topic, encoding, () => undefined);
  leaveFirst();
  leaveFirst();
  assert.equal(relay.subscriptions, 1);
  leaveSecond();
  assert.equal(relay.subscriptions, 0);
  assert.equal(hub.size, 0);
  await relay.publish({ ...topic, data: Buffer.from('x') });
  assert.equal(encoding.frames, 0);
  const leaveThird = hub.subscribe(topic, encoding, () => undefined);
  leaveSecond();
  assert.equal(relay.subscriptions, 1, 'a stale leave does not close a later subscription');
  leaveThird();
});
