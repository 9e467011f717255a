/** A node that is handed a chain signs under it, and under nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { type Principal, uri } from '../support/identities.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import {
  assertHonestScores,
  grant,
  newSession,
  readOf,
  startMeshed,
  TenantInbox,
} from '../support/tenants.ts';

const MINUTE_MS = 60_000;
const VALUE = Buffer.from('x');

test('a chain that is given decides, whatever else the node may do', async (t) => {
  const [a, b] = (await startMeshed(t, 2)) as [MaillonNode, MaillonNode];
  const [wallet, other] = [newSession(), newSession()];
  // both nodes have the same owner
  const owner: Principal = { did: a.owner, sign: () => Buffer.alloc(0) };
  const inbox = new TenantInbox(b, wallet.did);
  const publish = (chain: readonly Uint8Array[] | undefined, of = wallet.did, topic = 'hello') =>
    codeOf(
      a.relay.publish({
        owner: of,
        namespace: 'default',
        topic,
        data: VALUE,
        ...(chain === undefined ? {} : { chain }),
      }),
    );
  const put = (chain: readonly Uint8Array[], key = 'k', of = wallet.did) =>
    codeOf(a.storage.put({ owner: of, namespace: 'default', key }, VALUE, { chain }));
  const remove = (chain: readonly Uint8Array[]) =>
    codeOf(a.storage.delete({ owner: wallet.did, namespace: 'default', key: 'k' }, { chain }));

  const good = [grant(wallet, owner, { resources: [uri(wallet.did)], expiry: Date.now() + MINUTE_MS })];
  assert.deepEqual([await publish(good), await put(good)], [null, null]);
  await until('it is delivered', () => inbox.texts.length === 1);
  assert.equal(await readOf(b, wallet.did, 'k'), 'x');
  assert.equal(await remove(good), null);
  assert.equal(await readOf(b, wallet.did, 'k'), null);
  assert.equal(await publish(undefined), 'forbidden', 'nothing of it is kept');

  const bad: Readonly<Record<string, readonly Uint8Array[]>> = {
    none: [],
    'one that ends elsewhere': [grant(wallet, other)],
    'one that has ended': [grant(wallet, owner, { expiry: Date.now() - 1 })],
    'one that has not begun': [grant(wallet, owner, { notBefore: Date.now() + MINUTE_MS })],
    'one of another owner': [grant(other, owner)],
    'one that another signed': [
      grant({ did: wallet.did, sign: other.sign }, owner, { resources: [uri(wallet.did)] }),
    ],
    'one of another namespace': [grant(wallet, owner, { resources: [uri(wallet.did, 'other')] })],
    'one to read': [grant(wallet, owner, { resources: [uri(wallet.did, 'default', 'read')] })],
  };
  for (const [what, chain] of Object.entries(bad)) {
    assert.deepEqual(
      [await publish(chain), await put(chain), await remove(chain)],
      Array(3).fill('forbidden'),
      what,
    );
  }
  const prefixed = [grant(wallet, owner, { resources: [uri(wallet.did, 'default', 'publish,write', 'in')] })];
  assert.deepEqual(
    [await publish(prefixed), await publish(prefixed, wallet.did, 'inside')],
    ['forbidden', null],
  );
  assert.deepEqual([await put(prefixed), await put(prefixed, 'inside')], ['forbidden', null]);
  // not even what it may do by itself
  assert.deepEqual([await publish(good, a.owner), await put(good, 'k', a.owner)], ['forbidden', 'forbidden']);
  assert.equal(await publish(undefined, a.owner), null);
  await assertHonestScores([a, b]);
});

test('whether a chain allows something is what every node would say', async (t) => {
  const [a] = (await startMeshed(t, 1)) as [MaillonNode];
  const [wallet, key, other] = [newSession(), newSession(), newSession()];
  const asked = { owner: wallet.did, namespace: 'default', action: 'read', resource: '' } as const;
  const reasonOf = async (chain: readonly Uint8Array[], of = asked) => {
    const refused = await a.checkChain(chain, of).then(
      () => null,
      (error: { code: string; detail?: { reason?: string } }) => error,
    );
    return refused === null ? null : [refused.code, refused.detail?.reason];
  };
  assert.equal(await reasonOf([grant(wallet, key)]), null);
  const forged = grant({ did: wallet.did, sign: other.sign }, key);
  assert.deepEqual(await reasonOf([forged]), ['forbidden', 'chain_signature']);
  const ended = grant(wallet, key, { expiry: Date.now() - 1 });
  assert.deepEqual(await reasonOf([ended]), ['forbidden', 'chain_not_in_force']);
  const publishing = grant(wallet, key, { resources: [uri(wallet.did, 'default', 'publish')] });
  assert.deepEqual(await reasonOf([publishing]), ['forbidden', 'chain_not_granted']);
  assert.deepEqual(await reasonOf([Buffer.from('80', 'hex')]), ['forbidden', 'chain_malformed']);
  assert.deepEqual(await reasonOf([]), ['forbidden', undefined]);
  const elsewhere = grant(other, key, { resources: [uri(other.did)] });
  assert.deepEqual(await reasonOf([elsewhere]), ['forbidden', 'chain_not_granted']);
});
