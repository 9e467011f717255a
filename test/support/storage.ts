import type { TestContext } from 'node:test';
import type { Holder, MaillonNode, RecordName, StoredRecord } from '../../node/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type NodeOptions, startNode } from './node.ts';
import { OWNER } from './owner.ts';
import { until } from './processes.ts';

export function named(key: string, namespace = 'default'): RecordName {
  return { owner: OWNER.did, namespace, key };
}

/** The value that a record holds itself. */
export function inlineOf({ value }: StoredRecord): Uint8Array {
  if (value === null) throw new Error('the value is a blob');
  return value;
}

export function textOf(record: StoredRecord | null): string | null {
  return record === null ? null : Buffer.from(inlineOf(record)).toString();
}

export async function read(node: MaillonNode, key: string): Promise<string | null> {
  return textOf(await node.storage.get(named(key)));
}

export function idOf(node: MaillonNode): string {
  return node.status().peerId;
}

/** The code that `work` fails with; null when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}

/** Nodes that all know each other as members. */
export async function startMembers(
  t: TestContext,
  count: number,
  options: NodeOptions = {},
): Promise<MaillonNode[]> {
  const first = await startNode(t, options);
  const nodes = [first];
  for (let i = 1; i < count; i++) nodes.push(await startNode(t, { ...options, through: [first] }));
  await known(nodes, count);
  return nodes;
}

/** Resolves when every node knows so many members, and counts all that are of its owner as replicas. */
export async function known(nodes: readonly MaillonNode[], count: number): Promise<void> {
  await until(`all know ${count} members`, () =>
    nodes.every((node) => node.storage.status().members === count && countsOwn(node)),
  );
}

/** Whether a node has its share of what its owner holds, and knows that its owner's other members have theirs. */
function countsOwn(node: MaillonNode): boolean {
  const { fellows, members, isReady, capacityBytes } = node.storage.status();
  const isMember = capacityBytes > 0;
  const announced = node
    .nodes()
    .filter((one) => one.operator === node.owner && one.storageBytes > 0 && one.id !== idOf(node));
  // the directory still knows of nodes that are no members any more
  const others = Math.min(announced.length, isMember ? members - 1 : members);
  return fellows.length >= others && (isReady || !isMember);
}

export async function holders(node: MaillonNode, key: string): Promise<readonly Holder[]> {
  return (await node.storage.where(named(key))).holders;
}
