/** Blobs in namespaces of the development owner, with and without a policy that lets anyone read. */
import type { MaillonNode } from '../../node/index.ts';
import { parseCid } from '../../protocols/blobs/index.ts';
import { CLOSED_RULES } from '../../protocols/namespaces/index.ts';
import { ClientKey } from './client-author.ts';

/** Lets anyone read one of the owner's namespaces, or nobody else any more. */
export async function setOpen(node: MaillonNode, namespace: string, anyone: boolean): Promise<void> {
  const before = node.namespaces.policyOf(node.owner, namespace);
  const follows = before === null ? {} : { sequence: before.sequence + 1, previous: before.digest };
  const rules = { ...CLOSED_RULES, read: { anyone, dids: [] } };
  await node.namespaces.submit(await ClientKey.owner.policy(namespace, { rules, ...follows }));
}

/** Puts a file that is long enough to be a blob: its CID. */
export async function putBlob(
  node: MaillonNode,
  namespace: string,
  bytes: Uint8Array,
  key = 'file',
): Promise<Uint8Array> {
  const name = { owner: node.owner, namespace, key };
  await node.storage.put(name, bytes, { durability: 'all' });
  const head = await node.storage.get(name);
  const cid = parseCid(head?.blob ?? '');
  if (cid === null) throw new Error('it is no blob');
  return cid;
}
