import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Answers, RequestType, StorageRequest } from '../../protocols/storage/index.ts';
import { authorNumber } from '../support/directory.ts';
import { startNode } from '../support/node.ts';
import { digestOf, revokeLink } from '../support/notices.ts';
import { until } from '../support/processes.ts';
import { answering, RawReplica } from '../support/raw-replica.ts';
import { codeOf, known } from '../support/storage.ts';
import { grant, newSession, placeOf, readOf, startTenantNodes, written } from '../support/tenants.ts';

const LIAR = authorNumber(79);
const KEY = 'k';

interface Stage {
  readonly nodes: readonly MaillonNode[];
  readonly light: MaillonNode;
  readonly liar: RawReplica;
}

/** Two honest nodes and a liar: all three are home of everything. The light node holds nothing and asks them. */
async function stage(t: TestContext): Promise<Stage> {
  const nodes = await startTenantNodes(t, 2);
  const liar = await RawReplica.join(t, nodes, LIAR);
  const settings = { 'namespaces.unowned': false };
  const light = await startNode(t, { settings, through: nodes, role: 'light' });
  await known([light], 3);
  return { nodes, light, liar };
}

/** Who is home, as an honest one says it: to be asked while the liar is listened to. */
async function viewOf(liar: RawReplica, owner: string): Promise<string> {
  return (await liar.ask({ type: 'state', ...placeOf(owner, KEY) })).view;
}

/** From here on the liar is a synced home of `KEY` as far as it says, takes every write, and reads out `record`. */
function hold(liar: RawReplica, owner: string, view: string, record: Uint8Array | null): void {
  const place = placeOf(owner, KEY);
  const standing = { view, isSynced: true };
  const state = {
    ...standing,
    isHome: true,
    origin: null,
    count: 0,
    bytes: 0,
    fingerprint: new Uint8Array(16),
  };
  liar.react = answering((request) => {
    const isOther = 'namespaceId' in request && !equalBytes(request.namespaceId, place.namespaceId);
    return Promise.resolve(isOther ? null : answer(request));
  });
  function answer({ type }: StorageRequest): Answers[RequestType] | null {
    if (type === 'put') return { ...standing, outcome: { status: 'stored' }, isDurable: true };
    if (type === 'get') return { ...standing, held: record === null ? null : { kind: 'record', record } };
    if (type === 'state') return state;
    return type === 'list' || type === 'versions' ? { ...standing, entries: [], next: null } : null;
  }
}

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
    await until('it is written', async () => (await codeOf(a.storage.carry(first))) === null);
    for (const node of [...nodes, light])
      await node.namespaces.submit(revokeLink(owner.author, digestOf(link)));
    hold(liar, owner.did, view, written({ ...act, key: KEY, text: 'forged', time: Date.now() - ago }));
    const before = liar.asked.get ?? 0;
    for (const node of [...nodes, light, ...nodes]) assert.equal(await readOf(node, owner.did, KEY), 'good');
    await until('the liar was asked', () => (liar.asked.get ?? 0) > before);
  });
}
