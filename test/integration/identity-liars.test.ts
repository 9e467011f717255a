import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Answers, RequestType, StorageRequest } from '../../protocols/storage/index.ts';
import { authorNumber } from '../support/directory.ts';
import { type Session, uri } from '../support/identities.ts';
import { startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { answering, RawReplica } from '../support/raw-replica.ts';
import { codeOf, known } from '../support/storage.ts';
import {
  assertHonestScores,
  grant,
  newSession,
  placeOf,
  readOf,
  startTenantNodes,
  written,
} from '../support/tenants.ts';

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

/** What a home may say that it holds: by somebody who never had a right to write that. */
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
    await until('it is written', async () => (await codeOf(a.storage.carry(good))) === null);
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
