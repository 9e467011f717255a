import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOB_STALL_MS, PREFETCH_RETRY_MS } from '../../../../../node/storage/api/limits.ts';
import {
  BlobReplicator,
  type SpreadRequest,
} from '../../../../../node/storage/coordinator/blob-replicator.ts';
import type { ReplicaPlacement } from '../../../../../node/storage/placement/replica-placement.ts';
import type { BlobLink } from '../../../../../protocols/blobs/index.ts';
import { type BlobProgress, ReplicaError } from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { PLACE, storable } from '../../../../support/store-records.ts';

const LINK: BlobLink = {
  cid: Uint8Array.from([1, 0x70, 0x12, 32, ...new Uint8Array(32)]),
  size: 3 * 2 ** 20,
};
const BLOCKS = 4;
const WHOLE: BlobProgress = { blocks: BLOCKS, isWhole: true };

type Home = () => BlobProgress | Promise<BlobProgress>;

function spreaderOver(replicaSet: Readonly<Record<string, Home>>) {
  const asked = new Map<string, number>();
  const clock = new ManualClock(1_000_000);
  const ids = Object.keys(replicaSet);
  const places = { of: () => ({ replicas: ids.map((id) => ({ id })) }) } as unknown as ReplicaPlacement;
  const spreader = new BlobReplicator({
    places,
    clock,
    ask: async (id) => {
      asked.set(id, (asked.get(id) ?? 0) + 1);
      return (await replicaSet[id]?.()) as never;
    },
  });
  const spread = (request: Partial<SpreadRequest> = {}): Promise<void> =>
    within(
      clock,
      spreader.spread({
        link: LINK,
        partition: PLACE,
        durability: 'majority',
        sign: () => Promise.resolve(storable({ key: 'k' })),
        signal: new AbortController().signal,
        ...request,
      }),
    );
  return { spread, asked, clock };
}

/** Lets the time go by until `work` has ended. */
async function within(clock: ManualClock, work: Promise<void>): Promise<void> {
  const ended = work.then(
    () => true,
    () => true,
  );
  const step = (): Promise<void> => clock.advanceAsync(PREFETCH_RETRY_MS / 10);
  while ((await Promise.race([ended, step()])) !== true);
  return work;
}

test('two of three replicas are enough; one that hangs is not waited for', async () => {
  const never = new Promise<BlobProgress>(() => undefined);
  const { spread } = spreaderOver({ a: () => WHOLE, b: () => WHOLE, c: () => never });
  await spread();
});

function full(): never {
  throw new ReplicaError('over_quota', 'it had its share');
}

test('what so many replicas refuse for good that not enough are left is refused by name', async () => {
  const { spread } = spreaderOver({ a: () => WHOLE, b: full, c: full });
  await assert.rejects(spread(), { code: 'over_quota' });
});

test('a replica that says at once that it has not all is asked now and then, not all the time', async () => {
  const slow = (): BlobProgress => ({ blocks: 1, isWhole: clock.monotonicNow() > 3 * PREFETCH_RETRY_MS });
  const { spread, asked, clock } = spreaderOver({ a: () => WHOLE, b: slow });
  await spread();
  assert.equal(asked.get('b'), 5);
});

test('a replica that counts on for ever is no progress: there are only so many blocks', async () => {
  let blocks = 0;
  const endless = (): BlobProgress => {
    clock.advance(BLOB_STALL_MS / 2);
    blocks += 1;
    return { blocks, isWhole: false };
  };
  const { spread, clock } = spreaderOver({ a: () => WHOLE, b: endless });
  await assert.rejects(spread(), { code: 'insufficient_replicas' });
  assert.ok(blocks <= BLOCKS + 4, `${blocks}`);
});
