/** A stage on which one of three replicas of a tenant's key lies. */
import type { TestContext } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Answers, RequestType, StorageRequest } from '../../protocols/storage/index.ts';
import { authorNumber } from './directory.ts';
import { startNode } from './node.ts';
import { answering, NOTHING_DIFFERS, RawReplica } from './raw-replica.ts';
import { known } from './storage.ts';
import { NAMESPACE, placeOf, startTenantNodes } from './tenants.ts';

const LIAR = authorNumber(79);
export const KEY = 'k';

export interface Stage {
  readonly nodes: readonly MaillonNode[];
  readonly light: MaillonNode;
  readonly liar: RawReplica;
}

/** Two honest nodes and a liar: all three are home of everything. The light node holds nothing and asks them. */
export async function stage(t: TestContext): Promise<Stage> {
  const nodes = await startTenantNodes(t, 2);
  const liar = await RawReplica.join(t, nodes, LIAR);
  const light = await startNode(t, { through: nodes, role: 'light' });
  await known([light], 3);
  return { nodes, light, liar };
}

/** Replica-set id as an honest replica reports it; call this while nodes still trust the liar. */
export async function viewOf(liar: RawReplica, owner: string): Promise<string> {
  return (
    await liar.ask({ type: 'state', owner, namespace: NAMESPACE, partition: placeOf(owner, KEY).partition })
  ).setId;
}

/** From here on the liar is a synced home of `KEY` as far as it says, takes every write, and reads out `record`. */
export function hold(liar: RawReplica, owner: string, setId: string, record: Uint8Array | null): void {
  const place = placeOf(owner, KEY);
  const standing = { setId, isSynced: true };
  const state = {
    ...standing,
    isReplica: true,
    origin: null,
    count: 0,
    bytes: 0,
    fingerprint: new Uint8Array(16),
  };
  liar.react = answering((request) => {
    return Promise.resolve(isAbout(request) ? answer(request) : null);
  });
  function isAbout(request: StorageRequest): boolean {
    if ('owner' in request) return request.owner === owner && request.namespace === NAMESPACE;
    return !('namespaceId' in request) || equalBytes(request.namespaceId, place.namespaceId);
  }
  function answer({ type }: StorageRequest): Answers[RequestType] | null {
    if (type === 'put') return { ...standing, outcome: { status: 'stored' }, isDurable: true };
    if (type === 'get')
      return { ...standing, held: record === null ? null : { kind: 'record', record, expiry: null } };
    if (type === 'state') return state;
    if (type === 'reconcile') return { ...standing, message: NOTHING_DIFFERS };
    return type === 'list' ? { ...standing, entries: [], next: null } : null;
  }
}
