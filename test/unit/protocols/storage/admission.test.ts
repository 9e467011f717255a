import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import type { Crypto } from '../../../../protocols/common/crypto.ts';
import {
  type AuthoriseRecord,
  createStorageMetrics,
  decodeRecord,
  Partitions,
  REQUESTS,
  RETIRED_REQUESTS,
  RecordAdmission,
  RequestQuotas,
  StorageError,
  type StorageErrorCode,
  VERIFY_QUEUE_MAX_PER_PEER,
} from '../../../../protocols/storage/index.ts';
import * as cbor from '../../../support/cbor.ts';
import { OTHER_AUTHOR, SWARM, TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { bodyOf, EXAMPLE, record, signatureOf, wireOf } from '../../../support/records.ts';

const crypto = createCrypto();
const partitions = new Partitions({ crypto }, { swarm: SWARM });

/** Verification that ends when it is told to. */
class Gate implements Crypto {
  readonly sha256 = (data: Uint8Array): Uint8Array => crypto.sha256(data);
  readonly #held: (() => void)[] = [];
  closed = false;
  verified = 0;

  async verifyEd25519(...call: Parameters<Crypto['verifyEd25519']>): Promise<boolean> {
    this.verified += 1;
    if (this.closed) await new Promise<void>((resolve) => this.#held.push(resolve));
    return crypto.verifyEd25519(...call);
  }

  open(): void {
    this.closed = false;
    for (const release of this.#held.splice(0)) release();
  }
}

class Receiver {
  readonly clock = new ManualClock(TIME);
  readonly gate = new Gate();
  readonly metrics = createStorageMetrics();
  readonly admission: RecordAdmission;

  constructor(authorise: AuthoriseRecord = () => undefined) {
    const { clock, gate, metrics } = this;
    const components = { crypto: gate, clock, partitions, authorise, metrics };
    this.admission = new RecordAdmission(components, { swarm: SWARM });
  }

  async refusal(bytes: Uint8Array, ...rest: unknown[]): Promise<StorageErrorCode> {
    const [expected] = rest as [Parameters<RecordAdmission['admit']>[3]];
    try {
      await this.admission.admit(bytes, 'peer', 'pushed', expected);
    } catch (error) {
      assert.ok(error instanceof StorageError, String(error));
      return error.code;
    }
    throw new Error('it was taken');
  }
}

const ours = decodeRecord(record(), crypto);
const place = partitions.of(ours);

test('a record is taken where it was to be from, and nowhere else', async () => {
  const receiver = new Receiver();
  const { admission } = receiver;
  await admission.admit(record(), 'peer', 'asked', { partition: place, key: 'greeting' });
  assert.equal(await receiver.refusal(record(), { key: 'other' }), 'record_misplaced');
  const otherPartition = { ...place, partition: (place.partition + 1) % 16 };
  assert.equal(await receiver.refusal(record(), { partition: otherPartition }), 'record_misplaced');
  const otherNamespace = { ...place, namespaceId: new Uint8Array(32) };
  assert.equal(await receiver.refusal(record(), { partition: otherNamespace }), 'record_misplaced');
  assert.equal(receiver.metrics.recordsAccepted, 1);
  assert.equal(receiver.metrics.refused.record_misplaced, 3);
});

test('the same bytes are verified once, and together only once', async () => {
  const { admission, gate, metrics } = new Receiver();
  gate.closed = true;
  const together = [1, 2, 3].map((peer) => admission.admit(record(), `peer ${peer}`, 'pushed'));
  gate.open();
  await Promise.all(together);
  await admission.admit(record(), 'peer', 'pushed');
  assert.equal(gate.verified, 1);
  assert.equal(metrics.recordsAccepted, 4);
  assert.equal(metrics.recordsVerified, 1);
});

test('a verified body with another signature is refused', async () => {
  const receiver = new Receiver();
  await receiver.admission.admit(record(), 'peer', 'pushed');
  const forged = wireOf(EXAMPLE, signatureOf(bodyOf(EXAMPLE), OTHER_AUTHOR));
  assert.equal(await receiver.refusal(forged), 'record_signature');
  await receiver.admission.admit(record(), 'peer', 'pushed');
});

test('a record of this node’s own comes back without being verified', async () => {
  const { admission, gate } = new Receiver();
  admission.trust(ours);
  await admission.admit(record(), 'peer', 'pushed');
  assert.equal(gate.verified, 0);
});

test('a verified record is refused when its time is over', async () => {
  const receiver = new Receiver();
  const bytes = record({ expiry: cbor.integer(TIME + 1000) });
  await receiver.admission.admit(bytes, 'peer', 'pushed');
  receiver.clock.advance(1000);
  assert.equal(await receiver.refusal(bytes), 'record_expired');
});

test('an author without the right to write is refused, verified or not', async () => {
  const receiver = new Receiver(() => {
    throw new StorageError('record_unauthorised', 'the namespace does not let this author write');
  });
  assert.equal(await receiver.refusal(record()), 'record_unauthorised');
  assert.equal(await receiver.refusal(record()), 'record_unauthorised');
});

test('one peer cannot fill the queue of those that wait', async () => {
  const receiver = new Receiver();
  const { admission, gate } = receiver;
  gate.closed = true;
  const waiting = Array.from({ length: VERIFY_QUEUE_MAX_PER_PEER }, (_, i) =>
    admission.admit(record({ counter: cbor.integer(i) }), 'peer', 'pushed'),
  );
  const next = record({ counter: cbor.integer(60_000) });
  assert.equal(await receiver.refusal(next), 'overloaded');
  assert.equal(admission.waiting, VERIFY_QUEUE_MAX_PER_PEER);
  const other = admission.admit(next, 'other', 'pushed');
  gate.open();
  await Promise.all([...waiting, other]);
  assert.equal(admission.waiting, 0);
  assert.equal(admission.isGraylisted('peer'), false, 'nobody is charged for what there is no room for');
});

test('proven faults are held against who sent them; what is asked for and late is not', async () => {
  const { admission } = new Receiver();
  const forged = wireOf(EXAMPLE, Buffer.alloc(64, 1));
  const late = record({ ms: cbor.integer(0), time: cbor.integer(0), expiry: cbor.integer(1) });
  for (let i = 0; i < 600; i++) await assert.rejects(admission.admit(late, 'late', 'asked'));
  assert.equal(admission.isGraylisted('late'), false);
  for (let i = 0; i < 600; i++) await assert.rejects(admission.admit(late, 'flood', 'pushed'));
  assert.equal(admission.isGraylisted('flood'), true);
  for (let i = 0; i < 3; i++) await assert.rejects(admission.admit(forged, 'forger', 'asked'));
  assert.equal(admission.isGraylisted('forger'), true);
});

test('who asks too much is told so, for that type alone, until it slows down', () => {
  const clock = new ManualClock(TIME);
  const quotas = new RequestQuotas({ clock });
  for (let i = 0; i < REQUESTS.partitions.burst; i++) assert.ok(quotas.take('peer', 'partitions'), String(i));
  assert.equal(quotas.take('peer', 'partitions'), false);
  assert.equal(quotas.take('other', 'partitions'), true);
  assert.equal(quotas.take('peer', 'get'), true);
  clock.advance(1000);
  assert.equal(quotas.take('peer', 'partitions'), true);
});

test('no number of a request is used twice, nor one that is retired', () => {
  const numbers = [...Object.values(REQUESTS).map(({ number }) => number), ...RETIRED_REQUESTS];
  assert.equal(new Set(numbers).size, numbers.length);
  assert.deepEqual(
    Object.entries(REQUESTS).map(([type, { number }]) => [type, number]),
    [
      ['get', 1],
      ['put', 2],
      ['list', 3],
      ['fetch', 5],
      ['partitions', 6],
      ['state', 7],
      ['handover', 8],
      ['reconcile', 9],
      ['entries', 10],
      ['has', 11],
      ['block', 12],
      ['prefetch', 13],
      ['blob', 14],
      ['gone', 15],
    ],
  );
});
