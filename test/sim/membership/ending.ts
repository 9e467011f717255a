import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import {
  compareRecords,
  formatEtag,
  KIND_VALUE,
  parseEtag,
  type RecordName,
  type Stamp,
} from '../../../protocols/storage/index.ts';
import type { Machine } from './machine.ts';
import { REPLICAS, type SimNode } from './node.ts';
import type { Oracle } from './oracle.ts';
import type { World } from './world.ts';

type Key = Oracle['keys'][number];
type Promised = NonNullable<ReturnType<Oracle['promised']>>;

/** Some requests come one after another, each with a deadline. */
const ANSWER_MS = 60_000;

/** Checks what must hold after all faults are over and time has passed. */
export async function checkEnd(world: World, oracle: Oracle): Promise<void> {
  if (world.up.length === 0) return;
  const kept: { readonly key: Key; readonly promised: Promised }[] = [];
  for (const key of oracle.keys) {
    const promised = oracle.promised(key);
    if (promised === null) continue;
    if (isHeld(world, oracle, key, promised)) kept.push({ key, promised });
    // every disk that had it is gone: nobody promised more
    else oracle.counts.lost += 1;
  }
  for (const node of world.up) checkReady(world, oracle, node);
  for (const { key, promised } of kept) checkCopies(world, oracle, key, promised);
  const checks = world.up.flatMap((node) => [
    ...oracle.keys.map((key) => checkGet(world, oracle, node, key, kept)),
    checkLists(world, oracle, node, kept),
    checkWrite(world, oracle, node),
  ]);
  await world.pass(ANSWER_MS);
  await Promise.all(checks);
}

/** Whether a disk that is there and is to keep it has it, or something greater. */
function isHeld(world: World, oracle: Oracle, key: Key, { stamp }: Promised): boolean {
  const [node] = world.up;
  if (node === undefined) return false;
  return oracle.holders(key, node.partitions.of(key.name)).some(({ machine, row }) => {
    // after a long absence it shows nothing before a replica has told it what ended meanwhile
    const isShown = hasReadySponsor(world, key.name.owner, 0) || !isStale(world, machine, key);
    return isShown && oracle.isDurableAt(machine, key, row) && compareRecords(row, stamp) >= 0;
  });
}

function isStale(world: World, { id }: Machine, { name }: Key): boolean {
  const node = world.up.find((one) => one.id === id);
  return node?.states.isStale(node.partitions.of(name)) ?? true;
}

/** One that joins is ready in the end, unless it waits for what a machine of the same operator had that was lost. */
function checkReady(world: World, oracle: Oracle, { id, machine, members }: SimNode): void {
  const fellows = world.machines.filter(({ operator }) => operator === machine.operator);
  // one that never met anybody else does not know of whom it is told
  if (members.isReady || world.up.length === 1 || fellows.some((one) => oracle.wasLost(one))) return;
  oracle.violated('I7', `${oracle.nameOf(id)} does not become ready`);
}

/** I7, and I2 of each copy. */
function checkCopies(world: World, oracle: Oracle, key: Key, { stamp }: Promised): void {
  const sponsors = sponsorsUp(world, key.name.owner);
  const copies = sponsors.filter((node) => {
    const partition = node.partitions.of(key.name);
    const row = node.machine.disk.find(partition)?.rows.get(key.name.key);
    const { isReplica, isSynced } = node.states.of(partition);
    if (
      row !== undefined &&
      row.expiry !== row.record?.expiry &&
      isReplica &&
      isSynced &&
      row.record !== null
    )
      oracle.violated('I2', `${oracle.nameOf(node.id)} keeps ${key.name.key} until ${row.expiry}`);
    return isReplica && isSynced && row !== undefined && compareRecords(row, stamp) >= 0;
  });
  const wanted = Math.min(REPLICAS, sponsors.filter(({ members }) => members.isReady).length);
  if (copies.length >= wanted) return;
  const names = copies.map(({ id }) => oracle.nameOf(id)).join(', ');
  oracle.violated('I7', `${key.name.key} has ${copies.length} synced copies (${names}), not ${wanted}`);
}

async function checkGet(
  world: World,
  oracle: Oracle,
  node: SimNode,
  key: Key,
  kept: readonly { readonly key: Key; readonly promised: Promised }[],
): Promise<void> {
  const promised = kept.find((one) => one.key === key)?.promised;
  const name = `${oracle.nameOf(node.id)}: ${key.name.key}`;
  try {
    const read = await again(() => node.coordinator.get(key.name, undefined));
    const stamp = read === null ? null : parseEtag(read.etag);
    if (promised !== undefined) {
      if (stamp === null) oracle.violated('I3', `${name} is not there`);
      else if (compareRecords(stamp, promised.stamp) < 0) oracle.violated('I3', `${name} is an older one`);
      else if (read?.degraded === true && hasReadySponsor(world, key.name.owner, 0))
        oracle.violated('I3', `${name} is degraded`);
      else if (read?.etag === formatEtag(promised.stamp) && !isTold(world, key, read.expiresAt, promised))
        oracle.violated('I2', `${name} expires at ${read.expiresAt}, not ${promised.expiry}`);
    }
    if (stamp !== null && isBack(oracle, node, key, stamp)) oracle.violated('I6', `${name} is back`);
  } catch (error) {
    if (promised !== undefined) oracle.violated('I3', `${name} cannot be read: ${errorMessage(error)}`);
  }
}

/** Whether it is said when a value expires. Where nobody sponsors it any more the copies beside the former replicas' end sooner. */
function isTold(world: World, { name }: Key, expiresAt: number | null, { expiry }: Promised): boolean {
  if (expiresAt === expiry) return true;
  return expiresAt !== null && expiresAt < (expiry ?? Infinity) && !hasReadySponsor(world, name.owner, 0);
}

/** Whether a value was deleted, and a disk that is there still knows of that. */
function isBack(oracle: Oracle, node: SimNode, key: Key, stamp: Stamp): boolean {
  const holders = oracle.holders(key, node.partitions.of(key.name));
  return key.acked.some((one) => {
    const isKnown = holders.some(({ row }) => compareRecords(row, one.stamp) >= 0);
    return one.isDelete && isKnown && compareRecords(one.stamp, stamp) > 0;
  });
}

async function checkLists(
  world: World,
  oracle: Oracle,
  node: SimNode,
  kept: readonly { readonly key: Key; readonly promised: Promised }[],
): Promise<void> {
  const owners = new Set(kept.map(({ key }) => key.name.owner));
  for (const owner of owners) {
    if (!hasReadySponsor(world, owner, 0)) continue;
    const own = kept.filter(({ key }) => key.name.owner === owner);
    const namespace = own[0]?.key.name.namespace ?? '';
    const name = oracle.nameOf(node.id);
    try {
      const { entries } = await again(() => node.coordinator.list({ owner, namespace }));
      for (const { key, promised } of own) {
        const entry = entries.find((one) => one.key === key.name.key);
        const stamp = entry === undefined ? null : parseEtag(entry.etag);
        if (stamp === null || compareRecords(stamp, promised.stamp) < 0) {
          oracle.violated('I3', `${name} does not list ${key.name.key}`);
        } else if (
          entry?.etag === formatEtag(promised.stamp) &&
          !isTold(world, key, entry.expiresAt, promised)
        )
          oracle.violated('I2', `${name} lists ${key.name.key} as expiring at ${entry.expiresAt}`);
      }
    } catch (error) {
      oracle.violated('I3', `${name} cannot list: ${errorMessage(error)}`);
    }
  }
}

/** By what they know: a change may have been lost with the machine that it was told. */
function sponsorsUp(world: World, owner: string): SimNode[] {
  return world.up.filter((node) => node.isSponsor({ owner }));
}

/** Whether somebody that counts as a replica of what `owner` holds has been there for `ms`. */
export function hasReadySponsor(world: World, owner: string, ms: number): boolean {
  return sponsorsUp(world, owner).some(
    ({ members, readyAt }) => members.isReady && world.now - readyAt >= ms,
  );
}

/** A swarm that is whole takes writes of everybody who has a sponsor there. */
async function checkWrite(world: World, oracle: Oracle, node: SimNode): Promise<void> {
  for (const owner of world.owners) {
    if (!hasReadySponsor(world, owner, 0)) continue;
    const name = { owner, namespace: 'later', key: oracle.nameOf(node.id) };
    const error = await refusalOf(node, name);
    if (error !== null)
      oracle.violated(
        'I5',
        `${oracle.nameOf(node.id)} cannot write when all is well again: ${error.message}`,
      );
  }
}

/** Clients try again. */
async function again<T>(request: () => Promise<T>): Promise<T> {
  return request().catch(request);
}

/** Why a write is refused; null when it is not. Its partition may be synced only now. */
async function refusalOf(node: SimNode, name: RecordName): Promise<CodedError | null> {
  try {
    const content = { kind: KIND_VALUE, value: Buffer.from('later') } as const;
    await again(() => node.coordinator.put(name, content, {}));
    return null;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}
