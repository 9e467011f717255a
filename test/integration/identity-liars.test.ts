import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { type Session, uri } from '../support/identities.ts';
import { hold, KEY, stage, viewOf } from '../support/lying-home.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import { assertHonestScores, grant, newSession, readOf, written } from '../support/tenants.ts';

/** Forged records a replica may claim to hold: by an author who never had a right to write them. */
const LIES: Readonly<Record<string, (owner: Session) => Uint8Array>> = {
  'of a stranger': (owner) => written({ owner: owner.did, by: newSession(), key: KEY, text: 'forged' }),
  'with a chain of a stranger': (owner) => {
    const [stranger, by] = [newSession(), newSession()];
    const chain = [grant(stranger, by, { resources: [uri(owner.did)] })];
    return written({ owner: owner.did, by, chain, key: KEY, text: 'forged' });
  },
  'of a session of another namespace': (owner) => {
    const by = newSession();
    const chain = [grant(owner, by, { resources: [uri(owner.did, 'other')] })];
    return written({ owner: owner.did, by, chain, key: KEY, text: 'forged' });
  },
  'of a session whose time is over': (owner) => {
    const by = newSession();
    const chain = [grant(owner, by, { expiry: Date.now() - 1000 })];
    return written({ owner: owner.did, by, chain, key: KEY, text: 'forged' });
  },
  'of the namespace of the same name of another owner': () => {
    const other = newSession();
    return written({ owner: other.did, by: other, key: KEY, text: 'forged' });
  },
  'with a chain that somebody forged': (owner) => {
    const by = newSession();
    const chain = [grant({ did: owner.did, sign: by.sign }, by)];
    return written({ owner: owner.did, by, chain, key: KEY, text: 'forged' });
  },
  'that deletes': (owner) => written({ owner: owner.did, by: newSession(), key: KEY, text: null }),
};

for (const [what, lie] of Object.entries(LIES)) {
  test(`a home that says it holds a record ${what} is not believed`, async (t) => {
    const { nodes, light, liar } = await stage(t);
    const [a, b] = nodes as [MaillonNode, MaillonNode];
    const owner = newSession();
    const view = await viewOf(liar, owner.did);
    hold(liar, owner.did, view, null);
    const good = written({ owner: owner.did, by: owner, key: KEY, text: 'good', time: Date.now() - 6000 });
    await until('it is written', async () => (await codeOf(a.storage.submitSigned(good))) === null);
    await until('both have it', async () => (await readOf(b, owner.did, KEY)) === 'good');
    hold(liar, owner.did, view, lie(owner));
    const before = liar.asked.get ?? 0;
    await until('the liar was asked by each', async () => {
      for (const node of [...nodes, light]) assert.equal(await readOf(node, owner.did, KEY), 'good', what);
      return (liar.asked.get ?? 0) >= before + 3;
    });
    // nobody took over what it said
    hold(liar, owner.did, view, null);
    for (const node of [...nodes, light]) assert.equal(await readOf(node, owner.did, KEY), 'good', what);
    await assertHonestScores([...nodes, light]);
  });
}
