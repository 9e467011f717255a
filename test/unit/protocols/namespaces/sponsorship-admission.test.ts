import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  createNamespacesMetrics,
  NamespacesError,
  type NoticeAct,
  NoticeAdmission,
  REPLACED_BURST,
} from '../../../../protocols/namespaces/index.ts';
import { didOf } from '../../../support/did.ts';
import { SWARM, TIME } from '../../../support/envelopes.ts';
import { NoticesInMemory } from '../../../support/held-notices.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { person, sponsorshipStep, WALLET } from '../../../support/notices.ts';
import { ChainRefusal } from '../../../support/notices-node.ts';

const operator = person(1);
const as = didOf(operator);
const place = { owner: WALLET, namespace: 'default', holder: WALLET, as };
const step = (rest: Partial<Parameters<typeof sponsorshipStep>[0]> = {}): Buffer =>
  sponsorshipStep({ operator, holder: WALLET, time: TIME, ...rest });

class Receiver {
  readonly clock = new ManualClock(TIME);
  readonly metrics = createNamespacesMetrics();
  readonly held = new NoticesInMemory();
  readonly acts: NoticeAct[] = [];
  readonly admission: NoticeAdmission;
  verify: (act: NoticeAct) => void = () => undefined;

  constructor() {
    const { clock, metrics, held } = this;
    const verify = (act: NoticeAct): void => {
      this.acts.push(act);
      this.verify(act);
    };
    this.admission = new NoticeAdmission(
      { crypto: createCrypto(), clock, held, verify, metrics },
      { swarm: SWARM },
    );
  }

  async receive(bytes: Uint8Array, origin: 'pushed' | 'asked' = 'asked'): Promise<string> {
    try {
      await this.admission.admit(bytes, 'peer', origin);
      return 'accepted';
    } catch (error) {
      if (error instanceof NamespacesError) return error.code;
      throw error;
    }
  }
}

test('both signatures are asked about: the operator’s for all of its name, and the holder’s for the place', async () => {
  const receiver = new Receiver();
  const by = person(2);
  assert.equal(await receiver.receive(step({ by, chain: [Buffer.of(1)], namespace: 'news' })), 'accepted');
  const [accepts, names, ...more] = receiver.acts;
  assert.deepEqual(
    [accepts?.as, accepts?.owner, accepts?.namespace, accepts?.action, accepts?.chain.length],
    [as, as, '*', 'admin', 1],
  );
  assert.deepEqual(
    [names?.as, names?.owner, names?.namespace, names?.action, names?.time],
    [WALLET, WALLET, 'news', 'sponsor', TIME],
  );
  assert.deepEqual(Buffer.from(names?.author ?? []), operator.multikey, 'the naming ends at the operator');
  assert.deepEqual(Buffer.from(names?.orAt ?? []), by.multikey, 'or at the author');
  assert.equal(more.length, 0);
  await receiver.receive(step({ naming: [], time: TIME + 1 }));
  assert.equal(receiver.acts.length, 3, 'a withdrawal needs nobody but the operator');
  assert.equal(receiver.metrics.sponsorshipsAccepted, 2);
});

test('a naming that does not hold is its sender’s fault, one that was revoked nobody’s', async () => {
  for (const [fault, code] of [
    ['sender', 'notice_chain'],
    ['context', 'notice_unauthorised'],
  ] as const) {
    const receiver = new Receiver();
    receiver.verify = ({ action }) => {
      if (action === 'sponsor') throw new ChainRefusal(fault, 'no');
    };
    for (let ms = 0; ms < 3; ms++)
      assert.equal(await receiver.receive(step({ time: TIME + ms }), 'pushed'), code);
    assert.equal(receiver.held.sponsorshipIn(place), undefined);
    assert.equal(receiver.admission.isGraylisted('peer'), fault === 'sender');
  }
});

test('in whatever order they come, the latest holds', async () => {
  const steps = [
    step(),
    step({ time: TIME + 1, naming: [] }),
    step({ time: TIME + 2 }),
    step({ time: TIME + 3, naming: [] }),
  ];
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
    [2, 0, 3, 1],
  ]) {
    const receiver = new Receiver();
    for (const n of order) await receiver.receive(steps[n] ?? Buffer.alloc(0));
    assert.equal(receiver.held.sponsorshipIn(place)?.time, TIME + 3, order.join());
  }
});

test('an operator replaces so many at once, then one a second; what is new and others’ is not held back', async () => {
  const receiver = new Receiver();
  for (let ms = 0; ms <= REPLACED_BURST + 1; ms++) {
    assert.equal(await receiver.receive(step({ time: TIME + ms })), 'accepted', `${ms}`);
  }
  const next = TIME + REPLACED_BURST + 2;
  assert.equal(await receiver.receive(step({ time: next })), 'overloaded');
  assert.equal(await receiver.receive(step({ time: next, namespace: 'other' })), 'accepted');
  assert.equal(await receiver.receive(step({ operator: person(3) })), 'accepted');
  assert.equal(await receiver.receive(step({ operator: person(3), time: next })), 'accepted');
  receiver.clock.advance(1001);
  assert.equal(await receiver.receive(step({ time: next })), 'accepted');
});
