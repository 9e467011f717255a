import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Extender } from '../../../../node/identity/extender.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { Delegator, decodeLink } from '../../../../protocols/identity/index.ts';
import { SWARM } from '../../../support/envelopes.ts';
import { type Session, uri } from '../../../support/identities.ts';
import { grant, newSession } from '../../../support/tenants.ts';

const crypto = createCrypto();

const randomBytes = (length: number) => globalThis.crypto.getRandomValues(new Uint8Array(length));

/** Extender of a node with this owner and author. */
function extenderOf(owner: Session, author: Session) {
  let made = 0;
  const signer = {
    did: owner.did,
    sign: async (message: Uint8Array) => {
      made += 1;
      return owner.sign(message);
    },
  };
  const delegator = new Delegator({ crypto, clock: systemClock, signer, randomBytes }, { swarm: SWARM });
  const extender = new Extender(
    { crypto, delegator },
    { swarm: SWARM, author: author.did, operator: owner.did },
  );
  return { extender, signed: () => made };
}

test('the link that is added grants what the last one did, for as long, and is made once', async () => {
  const [wallet, owner, author] = [newSession(), newSession(), newSession()];
  const { extender, signed } = extenderOf(owner, author);
  const resources = [uri(wallet.did, 'a', 'publish', 'news'), uri(wallet.did, 'b', 'read,write')];
  const link = grant(wallet, owner, { resources, notBefore: 1_000, expiry: 2_000 });
  const all = await Promise.all(Array.from({ length: 20 }, () => extender.extend([Buffer.from(link)])));
  const [chain] = all;
  // what is published together shares an envelope only under the very same list
  assert.ok(all.every((one) => one === chain));
  assert.equal(signed(), 1);
  assert.equal(chain?.length, 2);
  const [given, added] = (chain ?? []).map((bytes) => decodeLink(bytes, crypto, SWARM).link);
  assert.deepEqual([added?.issuer, added?.audience], [owner.did, author.did]);
  assert.deepEqual(added?.resources, given?.resources);
  assert.deepEqual([added?.notBefore, added?.expiry], [1_000, 2_000]);
  assert.notEqual(await extender.extend([grant(wallet, owner, { resources })]), chain);
});

test('a chain that ends at the key that signs stays as it is; one that ends elsewhere is refused', async () => {
  const [wallet, owner, author, other] = [newSession(), newSession(), newSession(), newSession()];
  const { extender, signed } = extenderOf(owner, author);
  const own = [grant(wallet, author)];
  assert.deepEqual(await extender.extend(own), own);
  for (const chain of [[], [grant(wallet, other)], [grant(wallet, owner), grant(owner, other)]]) {
    await assert.rejects(extender.extend(chain), { code: 'forbidden' });
  }
  assert.equal(signed(), 0);
  const same = extenderOf(owner, owner);
  const chain = [grant(wallet, owner)];
  assert.deepEqual(await same.extender.extend(chain), chain);
});

test('without the operator’s key only a chain that ends at the key that signs is used', async () => {
  const [wallet, owner, author] = [newSession(), newSession(), newSession()];
  const init = { swarm: SWARM, author: author.did, operator: owner.did };
  const extender = new Extender({ crypto, delegator: null }, init);
  const own = [grant(wallet, author)];
  assert.deepEqual(await extender.extend(own), own);
  await assert.rejects(extender.extend([grant(wallet, owner)]), { code: 'forbidden', message: /invited/ });
});
