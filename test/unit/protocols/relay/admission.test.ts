import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import type { Crypto } from '../../../../protocols/common/crypto.ts';
import {
  Admission,
  type AdmissionInit,
  type Authorise,
  createRelayMetrics,
  RelayError,
  type RelayErrorCode,
  TopicPlaces,
} from '../../../../protocols/relay/index.ts';
import * as cbor from '../../../support/cbor.ts';
import { didOf } from '../../../support/did.ts';
import {
  AUTHOR,
  bodyOf,
  EXAMPLE,
  EXAMPLE_SHARD,
  envelope,
  SWARM,
  shardTopic,
  signatureOf,
  TIME,
  wireOf,
} from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemorySeenIds } from '../../../support/seen-ids.ts';

const SHARD = shardTopic(EXAMPLE_SHARD);
const crypto = createCrypto();

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

interface Options extends Partial<AdmissionInit> {
  readonly authorise?: Authorise;
  readonly seenMax?: number;
}

class Receiver {
  readonly clock = new ManualClock(TIME);
  readonly gate = new Gate();
  readonly seen: MemorySeenIds;
  readonly metrics = createRelayMetrics();
  readonly admission: Admission;

  constructor({ authorise = () => undefined, seenMax = 1000, ...init }: Options = {}) {
    this.seen = new MemorySeenIds(seenMax);
    this.admission = new Admission(
      {
        crypto: this.gate,
        clock: this.clock,
        seen: this.seen,
        places: new TopicPlaces({ crypto }, { swarm: SWARM }),
        authorise,
        metrics: this.metrics,
      },
      { swarm: SWARM, queueMax: 100, queueMaxPerPeer: 50, ignoredPerSecond: 10, ignoredBurst: 20, ...init },
    );
  }

  /** `accepted`, or the code of the refusal. */
  async receive(bytes: Uint8Array, peer = 'peer', topic = SHARD): Promise<'accepted' | RelayErrorCode> {
    try {
      await this.admission.admit(bytes, peer, topic);
      return 'accepted';
    } catch (error) {
      if (error instanceof RelayError) return error.code;
      throw error;
    }
  }
}

const TRUE_COPY = envelope();
/** The true envelope under a signature that does not hold, `n` to tell them apart. */
function forged(n = 0): Buffer {
  return wireOf(EXAMPLE, Buffer.alloc(64, n));
}
function numbered(sequence: number): Buffer {
  return envelope({ sequence: cbor.integer(sequence) });
}

test('an envelope is taken once', async () => {
  const receiver = new Receiver();
  assert.equal(await receiver.receive(TRUE_COPY), 'accepted');
  assert.equal(await receiver.receive(TRUE_COPY), 'envelope_duplicate');
  assert.equal(await receiver.receive(TRUE_COPY, 'another peer'), 'envelope_duplicate');
  const { envelopesAccepted, bytesAccepted, refused } = receiver.metrics;
  assert.deepEqual(
    [envelopesAccepted, bytesAccepted, refused.envelope_duplicate],
    [1, TRUE_COPY.byteLength, 2],
  );
});

test('what is handed on is what was signed', async () => {
  const taken = await new Receiver().admission.admit(TRUE_COPY, 'peer', SHARD);
  assert.deepEqual(
    {
      ...taken,
      author: Buffer.from(taken.author),
      messages: taken.messages.map(String),
      ext: { ...taken.ext },
    },
    {
      owner: didOf(AUTHOR),
      namespace: 'default',
      topic: 'hello',
      author: EXAMPLE.author.subarray(2),
      epoch: TIME,
      sequence: 1,
      time: TIME,
      expiry: null,
      messages: [String(new Uint8Array(Buffer.from('hi')))],
      chain: [],
      ext: {},
      digest: taken.digest,
      signature: taken.signature,
      bytes: TRUE_COPY,
    },
  );
});

test('a forged copy that comes first does not keep the true one out', async () => {
  const receiver = new Receiver();
  assert.equal(await receiver.receive(forged(), 'forger'), 'envelope_signature');
  assert.equal(receiver.seen.ids.size, 0);
  assert.equal(await receiver.receive(TRUE_COPY), 'accepted');
});

test('of true copies that come together exactly one is taken, and one verified', async () => {
  const receiver = new Receiver();
  receiver.gate.closed = true;
  const copies = Array.from({ length: 8 }, (_, i) => receiver.receive(TRUE_COPY, `peer ${i}`));
  receiver.gate.open();
  const results = await Promise.all(copies);
  assert.equal(results.filter((result) => result === 'accepted').length, 1);
  assert.equal(results.filter((result) => result === 'envelope_duplicate').length, 7);
  assert.equal(receiver.gate.verified, 1);
  assert.equal(receiver.admission.waiting, 0);
});

for (const [name, order] of Object.entries({
  'forged first': 'ft',
  'true first': 'tf',
  'forged, true, forged, true': 'ftft',
  'many forged, then two true': 'fffffftt',
  'true between forged': 'fffttfff',
})) {
  test(`copies together, ${name}: exactly one true copy is taken and no forged one`, async () => {
    const receiver = new Receiver();
    receiver.gate.closed = true;
    const copies = order
      .split('')
      .map((kind, i) => receiver.receive(kind === 't' ? TRUE_COPY : forged(i), `peer ${i}`));
    receiver.gate.open();
    const results = await Promise.all(copies);
    assert.equal(results.filter((result) => result === 'accepted').length, 1, results.join());
    for (const [i, result] of results.entries()) {
      if (order[i] === 'f') assert.match(result, /^envelope_(signature|duplicate)$/);
      else assert.match(result, /^(accepted|envelope_duplicate)$/);
    }
    assert.equal(receiver.admission.waiting, 0);
  });
}

test('an envelope of another swarm does not verify here', async () => {
  const receiver = new Receiver();
  // its shard is told by the swarm too: on the shard of this swarm it is the signature that is wrong
  assert.equal(await receiver.receive(envelope({}, { swarm: 'other' })), 'envelope_signature');
});

test('the policy is asked after the signature, and what it refuses is not seen', async () => {
  let allowed = false;
  let asked = 0;
  const authorise: Authorise = () => {
    asked += 1;
    if (!allowed) throw new RelayError('envelope_unauthorised', 'no');
  };
  const receiver = new Receiver({ authorise });
  assert.equal(await receiver.receive(forged()), 'envelope_signature');
  assert.equal(asked, 0);
  assert.equal(await receiver.receive(TRUE_COPY), 'envelope_unauthorised');
  assert.equal(receiver.seen.ids.size, 0);
  allowed = true;
  assert.equal(await receiver.receive(TRUE_COPY), 'accepted');
});

test('a policy that answers later is waited for, and copies meanwhile are taken once', async () => {
  const answers: (() => void)[] = [];
  const receiver = new Receiver({ authorise: () => new Promise<void>((resolve) => answers.push(resolve)) });
  const copies = [receiver.receive(TRUE_COPY, 'a'), receiver.receive(TRUE_COPY, 'b')];
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  copies.push(receiver.receive(TRUE_COPY, 'c'));
  for (let ended = false; !ended; await new Promise((resolve) => setImmediate(resolve))) {
    for (const answer of answers.splice(0)) answer();
    ended = receiver.admission.waiting === 0 && receiver.seen.ids.size > 0;
  }
  const drain = setInterval(() => answers.splice(0).forEach((answer) => answer()), 1);
  const results = await Promise.all(copies);
  clearInterval(drain);
  assert.deepEqual(results.toSorted(), ['accepted', 'envelope_duplicate', 'envelope_duplicate']);
});

test('without room to remember nothing is taken, and later it is', async () => {
  const receiver = new Receiver({ seenMax: 1 });
  assert.equal(await receiver.receive(numbered(1)), 'accepted');
  assert.equal(await receiver.receive(numbered(2)), 'overloaded');
  receiver.seen.ids.clear();
  assert.equal(await receiver.receive(numbered(2)), 'accepted');
});

test('the queue is bounded per peer and in all, and empties', async () => {
  const receiver = new Receiver({ queueMax: 4, queueMaxPerPeer: 2 });
  receiver.gate.closed = true;
  const peers = ['a', 'a', 'a', 'b', 'b', 'c', 'c'];
  const results = peers.map((peer, i) => receiver.receive(numbered(i + 1), peer));
  assert.equal(await results[2], 'overloaded', 'the third of a');
  assert.equal(await results[5], 'overloaded', 'the fifth in all');
  assert.equal(receiver.admission.waiting, 4);
  receiver.gate.open();
  assert.deepEqual(
    (await Promise.all(results)).map((result) => result === 'accepted'),
    [true, true, false, true, true, false, false],
  );
  assert.equal(receiver.admission.waiting, 0);
  assert.equal(await receiver.receive(numbered(3), 'a'), 'accepted', 'what was refused may come again');
});

test('what was seen is said before a full queue, and a full queue before a bad signature', async () => {
  const receiver = new Receiver({ queueMax: 1 });
  assert.equal(await receiver.receive(TRUE_COPY), 'accepted');
  receiver.gate.closed = true;
  const first = receiver.receive(numbered(2));
  assert.equal(await receiver.receive(TRUE_COPY), 'envelope_duplicate');
  assert.equal(
    await receiver.receive(wireOf({ ...EXAMPLE, sequence: cbor.integer(3) }, Buffer.alloc(64))),
    'overloaded',
  );
  receiver.gate.open();
  assert.equal(await first, 'accepted');
});

test('copies that wait for the verification of another one count as waiting too', async () => {
  const receiver = new Receiver({ queueMax: 4, queueMaxPerPeer: 2, ignoredBurst: 1000 });
  receiver.gate.closed = true;
  const copies = Array.from({ length: 100 }, (_, i) => receiver.receive(forged(i), 'flooder'));
  const settled = { count: 0 };
  for (const copy of copies) void copy.then(() => (settled.count += 1));
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  const early = settled.count;
  receiver.gate.open();
  await Promise.all(copies);
  assert.ok(early >= 98, `${100 - early} envelopes of one peer wait where 2 may`);
});

test('a verifier that fails is not a bad signature, and nothing is left behind', async () => {
  const receiver = new Receiver();
  const broken = { ...crypto, verifyEd25519: () => Promise.reject(new Error('no threads')) };
  const admission = new Admission(
    {
      crypto: broken,
      clock: receiver.clock,
      seen: receiver.seen,
      places: new TopicPlaces({ crypto }, { swarm: SWARM }),
      authorise: () => undefined,
      metrics: receiver.metrics,
    },
    { swarm: SWARM, queueMax: 1, queueMaxPerPeer: 1, ignoredPerSecond: 1, ignoredBurst: 1 },
  );
  for (let i = 0; i < 3; i++) {
    await assert.rejects(admission.admit(TRUE_COPY, 'peer', SHARD), /no threads/);
    assert.equal(admission.waiting, 0);
  }
  assert.equal(receiver.seen.ids.size, 0);
});

test('a peer that makes this node ignore too much counts as flooding until it slows down', async () => {
  const receiver = new Receiver({ ignoredPerSecond: 10, ignoredBurst: 5 });
  const late = envelope({ time: cbor.integer(TIME - 30_000) });
  for (let i = 0; i < 5; i++) assert.equal(await receiver.receive(late, 'flooder'), 'envelope_clock');
  assert.equal(receiver.admission.isGraylisted('flooder'), false);
  assert.equal(await receiver.receive(late, 'flooder'), 'envelope_clock');
  assert.equal(receiver.admission.isGraylisted('flooder'), true);
  assert.equal(receiver.admission.isGraylisted('another'), false, 'others do not pay');
  assert.equal(await receiver.receive(TRUE_COPY, 'flooder'), 'accepted', 'nothing true is dropped for it');
  receiver.clock.advance(1000);
  assert.equal(receiver.admission.isGraylisted('flooder'), false);
});

test('what was good a moment ago, or at a clock nearby, is charged to nobody', async () => {
  const receiver = new Receiver({ ignoredPerSecond: 1, ignoredBurst: 1 });
  const late = envelope({ time: cbor.integer(TIME - 20_100) });
  const expired = envelope({ time: cbor.integer(TIME - 5000), expiry: cbor.integer(TIME - 100) });
  for (let i = 0; i < 50; i++) {
    assert.equal(await receiver.receive(late, 'honest'), 'envelope_clock');
    assert.equal(await receiver.receive(expired, 'honest'), 'envelope_expired');
  }
  assert.equal(receiver.admission.isGraylisted('honest'), false);
});

test('what this node has no room for is charged to nobody', async () => {
  const receiver = new Receiver({ queueMax: 1, queueMaxPerPeer: 1, ignoredPerSecond: 1, ignoredBurst: 1 });
  receiver.gate.closed = true;
  const copies = Array.from({ length: 50 }, (_, i) => receiver.receive(numbered(i + 1), 'honest'));
  await Promise.all(copies.slice(1)).then((codes) => assert.ok(codes.every((code) => code === 'overloaded')));
  assert.equal(receiver.admission.isGraylisted('honest'), false);
  receiver.gate.open();
  await copies[0];
});

test('proven faults are held against a peer for two minutes each', async () => {
  const receiver = new Receiver();
  for (let i = 0; i < 2; i++) assert.equal(await receiver.receive(forged(i), 'liar'), 'envelope_signature');
  assert.equal(receiver.admission.isGraylisted('liar'), false, 'two may be an accident');
  assert.equal(await receiver.receive(forged(2), 'liar'), 'envelope_signature');
  assert.equal(receiver.admission.isGraylisted('liar'), true);
  receiver.clock.advance(119_000);
  assert.equal(receiver.admission.isGraylisted('liar'), true);
  receiver.clock.advance(1000);
  assert.equal(receiver.admission.isGraylisted('liar'), false);
});

test('faults of the sender are left to gossip’s score, not to the rate', async () => {
  const receiver = new Receiver({ ignoredPerSecond: 1, ignoredBurst: 2 });
  for (let i = 0; i < 20; i++)
    assert.equal(await receiver.receive(forged(i), 'forger'), 'envelope_signature');
  assert.equal(await receiver.receive(TRUE_COPY, 'forger'), 'accepted');
});

test('faults tell whose they are as the SPEC’s table does', () => {
  const verdicts: Record<RelayErrorCode, 'reject' | 'ignore'> = {
    envelope_too_large: 'reject',
    envelope_malformed: 'reject',
    envelope_version: 'ignore',
    envelope_field: 'reject',
    envelope_not_canonical: 'reject',
    envelope_shard: 'reject',
    envelope_chain: 'reject',
    envelope_clock: 'ignore',
    envelope_expired: 'ignore',
    envelope_duplicate: 'ignore',
    overloaded: 'ignore',
    envelope_signature: 'reject',
    envelope_unauthorised: 'ignore',
  };
  for (const [code, verdict] of Object.entries(verdicts)) {
    const { fault } = new RelayError(code as RelayErrorCode, '');
    assert.equal(fault === 'sender' ? 'reject' : 'ignore', verdict, code);
  }
});

test('the signature is over the body, not over the envelope', async () => {
  const body = bodyOf(EXAMPLE);
  assert.equal(await new Receiver().receive(wireOf(EXAMPLE, signatureOf(body))), 'accepted');
});
