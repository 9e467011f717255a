import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  createReconciliationMetrics,
  Initiator,
  type Item,
  MESSAGE_LIMIT_MIN_BYTES,
  MESSAGE_MAX_BYTES,
  OrderedSet,
  ReconciliationError,
  respond,
} from '../../../../protocols/reconciliation/index.ts';
import { checkWith } from '../../../support/fuzzing.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const check = checkWith([1, 42]);
const crypto = createCrypto();
/** More than any exchange below takes. */
const ROUNDS_MAX = 400;

function itemOf(number: number, timestamps: number): Item {
  const id = createHash('sha256').update(String(number)).digest();
  return { timestamp: timestamps === 0 ? 0 : id.readUInt32BE(4) % timestamps, id: new Uint8Array(id) };
}

function startingWith(timestamp: number, start: number): Item {
  return { timestamp, id: Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? start : 0)) };
}

/** Once each: what lies behind the end of a full message is compared again. */
function hexes(ids: Iterable<Uint8Array>): string[] {
  return [...new Set(Array.from(ids, (id) => Buffer.from(id).toString('hex')))].toSorted();
}

interface Outcome {
  readonly have: string[];
  readonly need: string[];
  readonly bytes: number;
  readonly rounds: number;
}

function exchange(
  own: OrderedSet,
  other: OrderedSet,
  limits: { readonly own: number; readonly other: number },
): Outcome {
  const metrics = createReconciliationMetrics();
  const initiator = new Initiator({ set: own, metrics }, { maxBytes: limits.own });
  const have: Uint8Array[] = [];
  const need: Uint8Array[] = [];
  let rounds = 0;
  for (let message: Uint8Array | null = initiator.start(); message !== null; rounds++) {
    assert.ok(rounds < ROUNDS_MAX, 'it comes to an end');
    assert.ok(message.byteLength <= limits.own);
    const answer = respond({ set: other, metrics }, message, { maxBytes: limits.other });
    assert.ok(answer.byteLength <= limits.other);
    const step = initiator.receive(answer);
    have.push(...step.have);
    need.push(...step.need);
    ({ message } = step);
  }
  assert.equal(metrics.sessions, 1);
  assert.equal(metrics.messagesSent, metrics.messagesReceived);
  assert.equal(metrics.messagesSent, 2 * rounds);
  return { have: hexes(have), need: hexes(need), bytes: metrics.bytesSent, rounds };
}

function setOf(items: Iterable<Item>): OrderedSet {
  const set = new OrderedSet({ crypto });
  for (const item of items) set.insert(item);
  return set;
}

test('whatever two sides hold, and however small their messages are, the one that asks learns all that differs', () => {
  const count = fc.oneof(fc.nat(40), fc.nat(2500));
  const counts = fc.record({
    both: count,
    own: count,
    other: count,
    timestamps: fc.constantFrom(0, 3, 2 ** 32),
  });
  const limit = fc.integer({ min: MESSAGE_LIMIT_MIN_BYTES, max: MESSAGE_MAX_BYTES });
  const limits = fc.oneof(
    fc.constant(MESSAGE_LIMIT_MIN_BYTES).map((one) => ({ own: one, other: one })),
    limit.map((one) => ({ own: one, other: one })),
  );
  const converges = fc.property(counts, limits, ({ both, own, other, timestamps }, bounds) => {
    const items = Array.from({ length: both + own + other }, (_, i) => itemOf(i, timestamps));
    const [ownOnly, otherOnly] = [items.slice(both, both + own), items.slice(both + own)];
    const mine = setOf([...items.slice(0, both), ...ownOnly]);
    const theirs = setOf([...items.slice(0, both), ...otherOnly]);
    const { have, need } = exchange(mine, theirs, bounds);
    assert.deepEqual(have, hexes(ownOnly.map(({ id }) => id)));
    assert.deepEqual(need, hexes(otherOnly.map(({ id }) => id)));
  });
  check(converges, 40);
});

test('equal sets cost one fingerprint', () => {
  for (const size of [1, 10, 5000]) {
    const items = Array.from({ length: size }, (_, i) => itemOf(i, 2 ** 32));
    const limits = { own: MESSAGE_MAX_BYTES, other: MESSAGE_MAX_BYTES };
    const { bytes, rounds } = exchange(setOf(items), setOf(items), limits);
    assert.equal(rounds, 1);
    assert.equal(bytes, 21);
  }
});

test('more own items than are compared at once against a side that has next to nothing', () => {
  const items = Array.from({ length: 30_000 }, (_, i) => itemOf(i, 2 ** 32));
  const limits = { own: MESSAGE_MAX_BYTES, other: MESSAGE_MAX_BYTES };
  const { have, need } = exchange(setOf(items), setOf(items.slice(0, 3)), limits);
  assert.equal(have.length, items.length - 3);
  assert.deepEqual(need, []);
});

test('who begins again pays only for what is still different', () => {
  const items = Array.from({ length: 4000 }, (_, i) => itemOf(i, 2 ** 32));
  const own = setOf(items.slice(0, 3000));
  const other = setOf(items);
  const limits = { own: 4096, other: 4096 };
  const whole = exchange(own, other, limits);
  assert.equal(whole.need.length, 1000);
  // all but ten were taken over before the exchange broke off
  for (const item of items.slice(3000, 3990)) own.insert(item);
  const again = exchange(own, other, limits);
  assert.equal(again.need.length, 10);
  assert.ok(again.bytes < whole.bytes / 5, `${again.bytes} of ${whole.bytes}`);
});

test('sets that change during an exchange do no harm', () => {
  const items = Array.from({ length: 3000 }, (_, i) => itemOf(i, 2 ** 32));
  const own = setOf(items.slice(0, 2000));
  const other = setOf(items.slice(500));
  const metrics = createReconciliationMetrics();
  const init = { maxBytes: MESSAGE_LIMIT_MIN_BYTES };
  const initiator = new Initiator({ set: own, metrics }, init);
  const byHex = new Map(items.map((item) => [Buffer.from(item.id).toString('hex'), item]));
  let rounds = 0;
  for (let message: Uint8Array | null = initiator.start(); message !== null; rounds++) {
    assert.ok(rounds < ROUNDS_MAX, 'it comes to an end');
    const step = initiator.receive(respond({ set: other, metrics }, message, init));
    for (const id of hexes(step.need)) own.insert(byHex.get(id) ?? itemOf(0, 1));
    own.insert(itemOf(10_000 + rounds, 2 ** 32));
    other.insert(itemOf(20_000 + rounds, 2 ** 32));
    ({ message } = step);
  }
  for (const item of items.slice(2000)) assert.notEqual(own.tagOf(item), null);
});

test('the example of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/reconciliation/SPEC.md', import.meta.url), 'utf8');
  const own = setOf([startingWith(5, 0x0a), startingWith(5, 0x0b)]);
  const other = setOf([startingWith(5, 0x0a), startingWith(5, 0x0b), startingWith(9, 0x01)]);
  const metrics = createReconciliationMetrics();
  const init = { maxBytes: MESSAGE_MAX_BYTES };
  const initiator = new Initiator({ set: own, metrics }, init);
  const question = initiator.start();
  const answer = respond({ set: other, metrics }, question, init);
  for (const message of [question, answer]) {
    assert.ok(spec.includes(`\`${Buffer.from(message).toString('hex')}\``), 'it stands there');
  }
  const { message, need } = initiator.receive(answer);
  assert.equal(message, null);
  assert.deepEqual(hexes(need), hexes([startingWith(9, 0x01).id]));
});

test('a side with another version is told so, or told of', () => {
  const metrics = createReconciliationMetrics();
  const init = { maxBytes: MESSAGE_MAX_BYTES };
  const set = setOf([itemOf(1, 0)]);
  assert.deepEqual(respond({ set, metrics }, Uint8Array.of(0x62, 1, 2, 3), init), Uint8Array.of(0x61));
  const initiator = new Initiator({ set, metrics }, init);
  initiator.start();
  assert.throws(
    () => initiator.receive(Uint8Array.of(0x62)),
    (error) => error instanceof ReconciliationError && error.code === 'message_version',
  );
  assert.equal(metrics.refused.message_version, 1);
  assert.throws(() => new Initiator({ set, metrics }, { maxBytes: 4095 }), RangeError);
});
