import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { BLOB_STALL_MS, PREPARE_RETRY_MS } from '../../../../../node/storage/api/limits.ts';
import { Spreader, type SpreadRequest } from '../../../../../node/storage/coordinator/blob-replicator.ts';
import type { Places } from '../../../../../node/storage/placement/replica-placement.ts';
import type { BlobLink } from '../../../../../protocols/blobs/index.ts';
import { type BlobProgress, ReplicaError } from '../../../../../protocols/storage/index.ts';
import { PLACE, storable } from '../../../../support/store-records.ts';

const LINK: BlobLink = {
  cid: Uint8Array.from([1, 0x70, 0x12, 32, ...new Uint8Array(32)]),
  size: 3 * 2 ** 20,
};
const BLOCKS = 4;
const WHOLE: BlobProgress = { blocks: BLOCKS, isWhole: true };

type Home = () => BlobProgress | Promise<BlobProgress>;

function spreaderOver(homes: Readonly<Record<string, Home>>) {
  const asked = new Map<string, number>();
  const ids = Object.keys(homes);
  const places = { of: () => ({ homes: ids.map((id) => ({ id })) }) } as unknown as Places;
  const spreader = new Spreader({
    places,
    ask: async (id) => {
      asked.set(id, (asked.get(id) ?? 0) + 1);
      return (await homes[id]?.()) as never;
    },
  });
  const spread = (request: Partial<SpreadRequest> = {}): Promise<void> =>
    spreader.spread({
      link: LINK,
      partition: PLACE,
      durability: 'majority',
      sign: () => Promise.resolve(storable({ key: 'k' })),
      signal: new AbortController().signal,
      ...request,
    });
  return { spread, asked };
}

test('two of three homes are enough; one that hangs is not waited for', async () => {
  const never = new Promise<BlobProgress>(() => undefined);
  const { spread } = spreaderOver({ a: () => WHOLE, b: () => WHOLE, c: () => never });
  await spread();
});

function full(): never {
  throw new ReplicaError('over_quota', 'it had its share');
}

test('what so many homes refuse for good that not enough are left is refused by name', async () => {
  const { spread } = spreaderOver({ a: () => WHOLE, b: full, c: full });
  await assert.rejects(spread(), { code: 'over_quota' });
});

test('a home that says at once that it has not all is asked now and then, not all the time', async () => {
  const begun = performance.now();
  const slow = () => ({ blocks: 1, isWhole: performance.now() - begun > 3 * PREPARE_RETRY_MS });
  const { spread, asked } = spreaderOver({ a: () => WHOLE, b: slow });
  await spread();
  assert.ok((asked.get('b') ?? 0) <= 6, `${asked.get('b')} times`);
});

test('a home that counts on for ever is no progress: there are only so many blocks', async (t) => {
  let now = 0;
  mock.method(performance, 'now', () => now);
  t.after(() => mock.restoreAll());
  let blocks = 0;
  const endless = (): BlobProgress => {
    now += BLOB_STALL_MS / 2;
    blocks += 1;
    return { blocks, isWhole: false };
  };
  const { spread } = spreaderOver({ a: () => WHOLE, b: endless });
  await assert.rejects(spread(), { code: 'insufficient_replicas' });
  assert.ok(blocks <= BLOCKS + 4, `${blocks}`);
});
