import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  createNamespacesMetrics,
  NamespacesError,
  type NamespacesErrorCode,
  type NoticeAct,
  NoticeAdmission,
  type NoticeOrigin,
  PUSHED_BURST,
  VERIFIED_BURST,
  VERIFY_QUEUE_MAX_PER_PEER,
} from '../../../../protocols/namespaces/index.ts';
import { didOf } from '../../../support/did.ts';
import { type Author, OTHER_AUTHOR, SWARM, TIME } from '../../../support/envelopes.ts';
import { NoticesInMemory } from '../../../support/held-notices.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import {
  digestOf,
  linkNumber,
  POLICY,
  person,
  policy,
  policyChain,
  policyStep,
  policyWire,
  revokeLink,
} from '../../../support/notices.ts';
import { ChainRefusal, linkDigest, linkTo, verifier } from '../../../support/notices-node.ts';

const crypto = createCrypto();
const owner = person(1);
const delegate = person(2);
const name = { owner: didOf(owner), namespace: 'default' };

class Receiver {
  readonly clock = new ManualClock(TIME);
  readonly metrics = createNamespacesMetrics();
  readonly held = new NoticesInMemory();
  readonly admission: NoticeAdmission;
  readonly acts: NoticeAct[] = [];
  /** Instead of the chains of tests. */
  verify: ((act: NoticeAct) => void | Promise<void>) | null = null;

  constructor() {
    const { clock, metrics, held } = this;
    const chains = verifier(() => ({
      revokersOf: (target) => (held.isRevokedBy(target, name.owner) ? new Set([name.owner]) : undefined),
    }));
    const verify = (act: NoticeAct): void | Promise<void> => {
      this.acts.push(act);
      return (this.verify ?? chains)(act);
    };
    this.admission = new NoticeAdmission({ crypto, clock, held, verify, metrics }, { swarm: SWARM });
  }

  async receive(
    bytes: Uint8Array,
    peer = 'peer',
    origin: NoticeOrigin = 'pushed',
  ): Promise<'accepted' | NamespacesErrorCode> {
    return codeOf(this.admission.admit(bytes, peer, origin));
  }

  async receiveHistory(list: readonly Uint8Array[]): Promise<'accepted' | NamespacesErrorCode> {
    return codeOf(this.admission.admitHistory(list, name, 'peer'));
  }

  get sequence(): number {
    return this.held.headOf(name)?.sequence ?? 0;
  }
}

async function codeOf(taking: Promise<unknown>): Promise<'accepted' | NamespacesErrorCode> {
  try {
    await taking;
    return 'accepted';
  } catch (error) {
    if (error instanceof NamespacesError) return error.code;
    throw error;
  }
}

function forged(n: number): Buffer {
  return policyWire({ ...POLICY }, Buffer.alloc(64, n));
}

test('what the chain is to show: admin of the namespace; of a revocation, of all of its name', async () => {
  const receiver = new Receiver();
  await receiver.receive(policyStep({ owner, time: TIME }));
  await receiver.receive(revokeLink(delegate, linkNumber(1), { time: TIME }));
  const [first, second] = receiver.acts;
  assert.deepEqual(
    [first?.as, first?.owner, first?.namespace, first?.action, first?.isEndorsed],
    [didOf(owner), didOf(owner), 'default', 'admin', false],
  );
  assert.deepEqual([second?.as, second?.owner, second?.namespace], [didOf(delegate), didOf(delegate), '*']);
});

test('of copies that come together one is taken, and of two successors the first', async () => {
  const receiver = new Receiver();
  const one = policyStep({ owner, time: TIME });
  const results = await Promise.all(Array.from({ length: 5 }, () => receiver.receive(one)));
  assert.deepEqual(results.toSorted(), ['accepted', ...Array<string>(4).fill('notice_known')]);
  const rivals = [0, 1, 2].map((ms) => policyStep({ owner, sequence: 2, after: one, time: TIME + ms }));
  const outcomes = await Promise.all(rivals.map((rival) => receiver.receive(rival)));
  assert.deepEqual(outcomes.toSorted(), ['accepted', 'policy_conflict', 'policy_conflict']);
  assert.equal(receiver.metrics.policiesAccepted, 2);
});

test('whose chain does not hold is charged, whose chain was revoked is not: not for few', async () => {
  const receiver = new Receiver();
  receiver.verify = () => {
    throw new ChainRefusal('sender', 'the chain is broken');
  };
  for (let n = 0; n < 3; n++) {
    assert.equal(
      await receiver.receive(revokeLink(owner, linkNumber(n), { time: TIME }), 'forger'),
      'notice_chain',
    );
  }
  assert.equal(receiver.admission.isGraylisted('forger'), true);
  receiver.verify = () => {
    throw new ChainRefusal('context', 'a link was revoked');
  };
  for (let n = 0; n < 100; n++) {
    const one = revokeLink(owner, linkNumber(n), { time: TIME });
    assert.equal(await receiver.receive(one, 'honest'), 'notice_unauthorised');
  }
  assert.equal(receiver.admission.isGraylisted('honest'), false);
});

test('a fault of this node’s own in verifying is nobody’s', async () => {
  const receiver = new Receiver();
  receiver.verify = () => Promise.reject(new RangeError('a bug'));
  await assert.rejects(receiver.admission.admit(policy(), 'peer', 'pushed'), RangeError);
  assert.equal(receiver.admission.isGraylisted('peer'), false);
});

test('three forged ones shun a peer; the true one is taken after them', async () => {
  const receiver = new Receiver();
  for (let n = 0; n < 3; n++) assert.equal(await receiver.receive(forged(n), 'forger'), 'notice_signature');
  assert.equal(receiver.admission.isGraylisted('forger'), true);
  assert.equal(await receiver.receive(policy(), 'honest'), 'accepted');
});

test('nobody is charged for what is known, early, second, or without room', async () => {
  const receiver = new Receiver();
  const chain = policyChain(owner, 3);
  const [one, two, three] = chain as [Buffer, Buffer, Buffer];
  receiver.clock.advance(Date.now() - TIME);
  await receiver.receive(one);
  for (let n = 0; n < 600; n++) {
    assert.equal(await receiver.receive(one, 'honest'), 'notice_known');
    assert.equal(await receiver.receive(three, 'honest'), 'policy_early');
    const other = policyStep({ owner, time: TIME + n });
    assert.equal(await receiver.receive(other, 'honest'), 'policy_conflict');
  }
  receiver.held.room = 'full';
  assert.equal(await receiver.receive(two, 'honest'), 'notice_room');
  assert.equal(receiver.admission.isGraylisted('honest'), false);
});

test('a flood is not looked at beyond a rate, and not verified beyond a lower one', async () => {
  const receiver = new Receiver();
  for (let n = 0; n < VERIFIED_BURST; n++) {
    await receiver.receive(revokeLink(owner, linkNumber(n), { time: TIME }), 'flooder');
  }
  const verified = receiver.metrics.noticesVerified;
  const refused = new Set<string>();
  for (let n = VERIFIED_BURST; n < PUSHED_BURST + 10; n++) {
    refused.add(await receiver.receive(revokeLink(owner, linkNumber(n), { time: TIME }), 'flooder'));
  }
  assert.ok(refused.has('overloaded'));
  assert.ok(receiver.metrics.noticesVerified <= verified + 2, `${receiver.metrics.noticesVerified}`);
  assert.equal(await receiver.receive(Buffer.of(0), 'flooder'), 'overloaded', 'it is not even decoded');
  assert.equal(
    await receiver.receive(revokeLink(owner, linkNumber(9999), { time: TIME }), 'another'),
    'accepted',
  );
  receiver.clock.advance(60_000);
  assert.equal(
    await receiver.receive(revokeLink(owner, linkNumber(9998), { time: TIME }), 'flooder'),
    'accepted',
  );
});

test('one peer cannot fill the queue of those that wait for verification', async () => {
  const receiver = new Receiver();
  const gate = Promise.withResolvers<void>();
  receiver.verify = () => gate.promise;
  const waiting = Array.from({ length: VERIFY_QUEUE_MAX_PER_PEER }, (_, n) =>
    receiver.receive(revokeLink(owner, linkNumber(n), { time: TIME }), 'slow'),
  );
  assert.equal(
    await receiver.receive(revokeLink(owner, linkNumber(9999), { time: TIME }), 'slow'),
    'overloaded',
  );
  const another = receiver.receive(revokeLink(delegate, linkNumber(1), { time: TIME }), 'another');
  gate.resolve();
  assert.ok((await Promise.all([...waiting, another])).every((outcome) => outcome === 'accepted'));
  assert.equal(receiver.admission.waiting, 0);
});

test('what was asked for is not metered, and only proven faults count', async () => {
  const receiver = new Receiver();
  for (let n = 0; n < VERIFIED_BURST + 100; n++) {
    assert.equal(
      await receiver.receive(revokeLink(owner, linkNumber(n), { time: TIME }), 'asked', 'asked'),
      'accepted',
    );
  }
  for (let n = 0; n < 600; n++) {
    const future = revokeLink(owner, linkNumber(n), { time: TIME + 3_600_000 });
    assert.equal(await receiver.receive(future, 'asked', 'asked'), 'notice_clock');
  }
  assert.equal(receiver.admission.isGraylisted('asked'), false);
  for (let n = 0; n < 3; n++) await receiver.receive(forged(n), 'asked', 'asked');
  assert.equal(receiver.admission.isGraylisted('asked'), true);
  for (let n = 0; n < 5; n++) await receiver.receive(forged(n), '', 'own');
  assert.equal(receiver.admission.isGraylisted(''), false, 'an operator is not shunned');
});

/** A policy of the delegate in the owner's name. */
function delegated(sequence: number, after: Buffer, rest: { holder?: Author } = {}): Buffer {
  const chain = [linkTo(delegate)];
  return policyStep({ owner, sequence, after, time: TIME, by: delegate, as: owner, chain, ...rest });
}

async function revoked(): Promise<{ receiver: Receiver; one: Buffer }> {
  const receiver = new Receiver();
  const one = policyStep({ owner, time: TIME });
  await receiver.receive(one);
  await receiver.receive(revokeLink(owner, linkDigest(delegate), { time: TIME }));
  return { receiver, one };
}

test('what a revoked key signed is taken when the holder went on from there, and not before', async () => {
  const { receiver, one } = await revoked();
  const two = delegated(2, one);
  const three = delegated(3, two);
  const four = policyStep({ owner, sequence: 4, after: three, time: TIME });
  assert.equal(await receiver.receive(two), 'notice_unauthorised');
  assert.equal(await receiver.receiveHistory([two, three]), 'accepted');
  assert.equal(receiver.sequence, 1);
  assert.equal(await receiver.receiveHistory([one, two, three, four]), 'accepted');
  assert.equal(receiver.sequence, 4);
  assert.equal(await receiver.receive(delegated(5, four)), 'notice_unauthorised');
});

test('a revoked key neither hands over the namespace nor has somebody new vouch for it', async () => {
  const { receiver, one } = await revoked();
  const taken = delegated(2, one, { holder: OTHER_AUTHOR });
  const next = { owner, sequence: 3, after: taken, time: TIME, holder: OTHER_AUTHOR };
  assert.equal(
    await receiver.receiveHistory([taken, policyStep({ ...next, by: OTHER_AUTHOR })]),
    'notice_unauthorised',
  );
  assert.equal(
    await receiver.receiveHistory([taken, policyStep({ ...next, by: owner })]),
    'notice_unauthorised',
  );
  // with one of its own between that hands it to nobody
  const two = delegated(2, one);
  const later = delegated(3, two, { holder: OTHER_AUTHOR });
  const last = policyStep({ owner, sequence: 4, after: later, time: TIME, by: OTHER_AUTHOR });
  assert.equal(await receiver.receiveHistory([two, later, last]), 'notice_unauthorised');
  assert.equal(receiver.sequence, 1);
});

test('of a history that was asked for each must be of the namespace, next, and right', async () => {
  const receiver = new Receiver();
  const [one, two, three] = policyChain(owner, 3) as [Buffer, Buffer, Buffer];
  receiver.clock.advance(Date.now() - TIME);
  const foreign = policyStep({ owner, namespace: 'other' });
  assert.equal(await receiver.receiveHistory([one, foreign]), 'frame_malformed');
  assert.equal(receiver.sequence, 1, 'what came before is taken');
  assert.equal(await receiver.receiveHistory([one, three]), 'policy_early');
  assert.equal(await receiver.receiveHistory([revokeLink(owner, linkNumber(1))]), 'notice_malformed');
  assert.equal(await receiver.receiveHistory([two, three]), 'accepted');
  assert.equal(receiver.sequence, 3);
});

test('one that was lost is taken again though later ones are known: its digest vouches for it', async () => {
  const receiver = new Receiver();
  receiver.clock.advance(Date.now() - TIME);
  const chain = policyChain(owner, 3);
  for (const bytes of chain) await receiver.receive(bytes);
  const lost = digestOf(chain[1] ?? Buffer.alloc(0)).toString('hex');
  receiver.held.all.delete(lost);
  const other = policyStep({ owner, sequence: 2, after: chain[0] ?? null });
  receiver.held.missing.add(lost);
  assert.equal(await receiver.receive(other), 'policy_conflict');
  assert.equal(await receiver.receive(chain[1] ?? Buffer.alloc(0)), 'accepted');
});
