/** Blobs in namespaces of the development owner, with and without a policy that lets anyone read. */
import { developmentKey } from '../../node/identity/keyring/development.ts';
import type { MaillonNode } from '../../node/index.ts';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import { CLOSED_RULES } from '../../protocols/namespaces/index.ts';
import { parseEtag } from '../../protocols/storage/index.ts';
import { openBlobs, putBytes } from './blob-store.ts';
import { ClientKey } from './client-author.ts';
import { type NodeOptions, startNode } from './node.ts';
import { ownerKeyPath } from './owner.ts';
import type { Cleanup } from './processes.ts';
import { namespaceIdOf } from './records.ts';

/** Lets anyone read one of the owner's namespaces, or nobody else any more. */
export async function setOpen(node: MaillonNode, namespace: string, anyone: boolean): Promise<void> {
  const owner = new ClientKey((await developmentKey(ownerKeyPath())).signer);
  const before = node.namespaces.policyOf(node.owner, namespace);
  const follows = before === null ? {} : { sequence: before.sequence + 1, previous: before.digest };
  const rules = { ...CLOSED_RULES, read: { anyone, dids: [] } };
  await node.namespaces.submit(await owner.policy(namespace, { rules, ...follows }));
}

export interface Behind {
  readonly namespace: string;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** A node with blobs behind live records of its owner. */
export async function nodeWithBlobs(
  t: Cleanup,
  options: NodeOptions & { readonly data: string },
  blobs: readonly Behind[],
): Promise<{ readonly node: MaillonNode; readonly links: readonly BlobLink[] }> {
  const before = await startNode(t, options);
  const { owner } = before;
  const receipts = [];
  for (const { namespace, key } of blobs) {
    receipts.push(await before.storage.put({ owner, namespace, key }, Buffer.from('a blob')));
  }
  await before.stop();
  const store = openBlobs(options.data, { clock: { now: () => Date.now() } });
  const links: BlobLink[] = [];
  for (const [index, { namespace, key, bytes }] of blobs.entries()) {
    const namespaceId = new Uint8Array(namespaceIdOf(owner, namespace));
    const link = await putBytes(store, bytes, namespaceId);
    const stamp = parseEtag(receipts[index]?.etag ?? '');
    if (stamp === null) throw new Error('no etag');
    store.hold({ namespaceId, key, stamp }, link.cid);
    links.push(link);
  }
  await store.close();
  return { node: await startNode(t, options), links };
}
