import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { uri } from '../support/identities.ts';
import { tcpAddress } from '../support/node.ts';
import { digestOf, policyStep, revokeDid, revokeLink } from '../support/notices.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import { grant, newSession, said, startTenantNodes } from '../support/tenants.ts';

test('a revocation holds everywhere, in whatever order it and that of its author come', async (t) => {
  const [a] = (await startTenantNodes(t, 1)) as [MaillonNode];
  const [late] = (await startTenantNodes(t, 1)) as [MaillonNode];
  const [owner, admin, by] = [newSession(), newSession(), newSession()];
  const link = grant(owner, by);
  const first = revokeLink(admin.author, digestOf(link), { as: owner.did, chain: [grant(owner, admin)] });
  const second = revokeDid(owner.author, admin.did);
  await a.namespaces.submit(first);
  await a.namespaces.submit(second);
  await late.namespaces.submit(second);
  await late.connect(tcpAddress(a));
  await until(
    'the late one knows both',
    () => late.namespaces.revokersOf({ link: digestOf(link) }) !== undefined,
    10_000,
  );
  const act = { owner: owner.did, by, chain: [link], text: 'x' };
  assert.equal(await codeOf(late.relay.submitSigned(said(act))), 'forbidden');
});

test('an administrator cannot withdraw the owner itself, for ever', async (t) => {
  const [a] = (await startTenantNodes(t, 1)) as [MaillonNode];
  const [owner, admin] = [newSession(), newSession()];
  const chain = [grant(owner, admin, { resources: [uri(owner.did, '*', 'admin')] })];
  const brick = revokeDid(admin.author, owner.did, { as: owner.did, chain });
  await codeOf(a.namespaces.submit(brick));
  assert.equal(await codeOf(a.relay.submitSigned(said({ owner: owner.did, by: owner, text: 'x' }))), null);
  assert.equal(await codeOf(a.namespaces.submit(policyStep({ owner: owner.author }))), null);
});
