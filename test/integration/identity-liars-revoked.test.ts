import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { hold, KEY, stage, viewOf } from '../support/lying-home.ts';
import { digestOf, revokeLink } from '../support/notices.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import { grant, newSession, readOf, written } from '../support/tenants.ts';

for (const [what, ago] of Object.entries({ now: 0, 'before it was revoked': 3000 })) {
  test(`what a revoked key signed, as of ${what}, is not read from the home that lies`, async (t) => {
    const { nodes, light, liar } = await stage(t);
    const [a] = nodes as [MaillonNode];
    const [owner, by] = [newSession(), newSession()];
    const link = grant(owner, by);
    const act = { owner: owner.did, by, chain: [link] };
    const at = Date.now();
    const view = await viewOf(liar, owner.did);
    hold(liar, owner.did, view, null);
    const first = written({ ...act, key: KEY, text: 'good', time: at - 6000 });
    await until('it is written', async () => (await codeOf(a.storage.submitSigned(first))) === null);
    for (const node of [...nodes, light])
      await node.namespaces.submit(revokeLink(owner.author, digestOf(link)));
    hold(liar, owner.did, view, written({ ...act, key: KEY, text: 'forged', time: Date.now() - ago }));
    const before = liar.asked.get ?? 0;
    for (const node of [...nodes, light, ...nodes]) assert.equal(await readOf(node, owner.did, KEY), 'good');
    await until('the liar was asked', () => (liar.asked.get ?? 0) > before);
  });
}
