import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { BlobExchange } from '../../../../../node/blobs/exchange.ts';
import type { BlobStore } from '../../../../../node/blobs/interface.ts';
import { PREFETCH_ANSWER_MS } from '../../../../../node/storage/api/limits.ts';
import { BlobFetches } from '../../../../../node/storage/blobs/blob-fetches.ts';
import { BlobRetention } from '../../../../../node/storage/blobs/blob-retention.ts';
import { NoAnswer } from '../../../../../node/storage/rpc/client.ts';
import type { PartitionPlace } from '../../../../../node/storage/store/interface.ts';
import { type BlobLink, encodeBlobLink } from '../../../../../protocols/blobs/index.ts';
import {
  KIND_BLOB,
  KIND_TOMBSTONE,
  partitionOf,
  ReplicaError,
  type SignedRecord,
} from '../../../../../protocols/storage/index.ts';
import { blobHome, openBlobs, putBytes, readAll } from '../../../../support/blob-store.ts';
import { pattern } from '../../../../support/blobs.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch, until } from '../../../../support/processes.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';
import { crypto, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;
const KEY = 'film';
const HERE: PartitionPlace = { ...PLACE, partition: partitionOf(crypto, KEY) };

interface Peer {
  /** Its blobs. */
  readonly store: Pick<BlobStore, 'block'> | null;
}

/** A replica whose peers, and those that are replica no more, have what they have, and its keeper. */
function homeAmong(
  t: TestContext,
  peers: ReadonlyMap<string, Peer>,
  quotaBytes = 2 ** 30,
  former: ReadonlyMap<string, Peer> = new Map(),
) {
  const data = scratch(t);
  const clock = new ManualClock(Date.now());
  const store = openStore(data, { clock });
  const blobs = blobHome(data, { clock, quotaBytes });
  const exchange = new BlobExchange({
    crypto,
    onLie: () => undefined,
    ask: async (id, request, signal) => {
      const peer = peers.get(id) ?? former.get(id);
      if (peer === undefined) throw new NoAnswer('it is not there', false);
      if (!('cid' in request) || request.type !== 'block') throw new Error('blocks are asked for');
      const asked = peer.store?.block(request.cid).catch(() => null);
      const bytes = await Promise.race([asked, once(signal, 'abort').then(() => null)]);
      return { bytes: bytes ?? null } as never;
    },
  });
  const standing = { isReplica: true, isSynced: true };
  const components = { store, blobs, fetches: new BlobFetches({ blobs, exchange, clock }), crypto, clock };
  const keeper = new BlobRetention(
    {
      ...components,
      logger: silentLogger(),
      places: {
        of: () => ({ replicas: [...peers.keys()].map((id) => ({ id })) }),
        fallbacks: () => [],
      } as never,
      states: { of: () => standing } as never,
    },
    { self: 'self' },
  );
  t.after(() => blobs.close());
  t.after(() => store.close());
  return { keeper, store, blobs, clock, standing };
}

async function blobOf(t: TestContext, bytes: Uint8Array): Promise<{ store: BlobStore; link: BlobLink }> {
  const store = openBlobs(scratch(t));
  t.after(() => store.close());
  return { store, link: await putBytes(store, bytes) };
}

function linking(link: BlobLink, ms = 1_000_000): SignedRecord {
  return storable({ key: KEY, kind: KIND_BLOB, value: encodeBlobLink(link), ms });
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ReplicaError && error.code === code;
}

test('a blob is fetched before its record is taken, stays with it, and goes when the record goes', async (t) => {
  const bytes = pattern(3 * MIB + 5);
  const { store: theirs, link } = await blobOf(t, bytes);
  const { keeper, store, blobs, clock } = homeAmong(t, new Map([['a', { store: theirs }]]));
  const record = linking(link);
  assert.throws(() => keeper.hold(record, HERE, 'a'), codeIs('blob_missing'));
  assert.deepEqual(await keeper.prefetch(record, HERE, 'a'), { blocks: 5, isWhole: true });
  keeper.hold(record, HERE, 'a');
  await store.put({ place: HERE, record, condition: null });
  clock.advance(2 * MINUTE_MS);
  assert.equal((await keeper.sweep()).released, 0, 'the record is there');
  const tombstone = storable({ key: KEY, kind: KIND_TOMBSTONE, value: new Uint8Array(), ms: 1_000_001 });
  await store.put({ place: HERE, record: tombstone, condition: null });
  assert.equal((await keeper.sweep()).released, 1);
  assert.equal(blobs.store().namespaceBytes(HERE.namespaceId), 0);
  clock.advance(2 * 60 * MINUTE_MS);
  await blobs.collect();
  assert.equal(blobs.usage().blocks, 0);
});

test('what replaces a record lets go of its blob at once, and not of one that is newer', async (t) => {
  const { store: theirs, link } = await blobOf(t, pattern(100));
  const next = await putBytes(theirs, pattern(200));
  const { keeper, blobs } = homeAmong(t, new Map([['a', { store: theirs }]]));
  for (const [at, one] of [link, next].entries()) {
    await keeper.prefetch(linking(one, 1_000_000 + at), HERE, 'a');
    keeper.hold(linking(one, 1_000_000 + at), HERE, 'a');
  }
  keeper.replaced(linking(link, 1_000_000), HERE);
  assert.equal(blobs.store().namespaceBytes(HERE.namespaceId), 300);
  keeper.replaced(linking(next, 1_000_001), HERE);
  assert.equal(blobs.store().namespaceBytes(HERE.namespaceId), 200);
  keeper.replaced(storable({ key: KEY, kind: KIND_TOMBSTONE, value: new Uint8Array(), ms: 1_000_002 }), HERE);
  assert.equal(blobs.store().namespaceBytes(HERE.namespaceId), 0);
});

test('a reference without a record goes after a while; not where this replica has not all records yet', async (t) => {
  const { store: theirs, link } = await blobOf(t, pattern(100));
  const { keeper, blobs, clock, standing } = homeAmong(t, new Map([['a', { store: theirs }]]));
  const record = linking(link);
  await keeper.prefetch(record, HERE, 'a');
  keeper.hold(record, HERE, 'a');
  assert.equal((await keeper.sweep()).released, 0, 'the record may be on its way');
  clock.advance(2 * MINUTE_MS);
  standing.isSynced = false;
  assert.equal((await keeper.sweep()).released, 0, 'the record may come again');
  standing.isSynced = true;
  keeper.hold(record, HERE, 'a');
  assert.equal((await keeper.sweep()).released, 0, 'it comes again, and may be on its way');
  clock.advance(2 * MINUTE_MS);
  assert.equal((await keeper.sweep()).released, 1);
  assert.equal(blobs.store().stat(link.cid)?.uses, 0);
});

test('what a copied record links is taken with it; lost everywhere, it is wanted, and fetched once somebody has it', async (t) => {
  const bytes = pattern(2 * MIB);
  const { store: theirs, link } = await blobOf(t, bytes);
  const peers = new Map<string, Peer>([['a', { store: null }]]);
  const { keeper, blobs } = homeAmong(t, peers);
  await keeper.take(linking(link), HERE, 'a');
  assert.equal(blobs.store().stat(link.cid)?.isComplete, false);
  assert.equal(blobs.store().wanted(10).length, 1);
  assert.equal((await keeper.sweep()).fetched, 0);
  peers.set('b', { store: theirs });
  assert.equal((await keeper.sweep()).fetched, 1);
  assert.ok((await readAll(blobs.store(), link)).equals(bytes));
  assert.deepEqual(blobs.store().wanted(10), []);
  // somebody who may have it is not there: the record is not taken without it
  const { link: other } = await blobOf(t, pattern(99));
  peers.set('gone', { store: null });
  const among = homeAmong(t, new Map([['a', { store: null }]]));
  await assert.rejects(among.keeper.take(linking(other), HERE, 'not there'), { code: 'no_source' });
});

test('what the replicas want is taken of a former replica before that drops it', async (t) => {
  const bytes = pattern(2 * MIB);
  const { store: theirs, link } = await blobOf(t, bytes);
  const former = new Map<string, Peer>([
    ['last', { store: theirs }],
    ['none', { store: null }],
  ]);
  const { keeper, blobs } = homeAmong(t, new Map([['a', { store: null }]]), 2 ** 30, former);
  await keeper.take(linking(link), HERE, 'a');
  await keeper.refill(HERE, 'none');
  assert.equal(blobs.store().stat(link.cid)?.isComplete, false, 'nobody has it: that keeps nobody');
  await assert.rejects(keeper.refill(HERE, 'not there'), codeIs('blob_missing'));
  await keeper.refill({ ...HERE, partition: HERE.partition + 1 }, 'last');
  assert.equal(blobs.store().stat(link.cid)?.isComplete, false, 'another partition is not his');
  await keeper.refill(HERE, 'last');
  assert.ok((await readAll(blobs.store(), link)).equals(bytes));
});

test('a sweep that waits for somebody who hangs ends when the node stops', async (t) => {
  const { link } = await blobOf(t, pattern(99));
  const peers = new Map<string, Peer>([['a', { store: null }]]);
  const { keeper } = homeAmong(t, peers);
  await keeper.take(linking(link), HERE, 'a');
  let isAsked = false;
  const hangs = (): Promise<Uint8Array> => {
    isAsked = true;
    return new Promise(() => undefined);
  };
  peers.set('b', { store: { block: hangs } });
  const swept = keeper.sweep();
  await until('it waits', () => isAsked);
  keeper.stop();
  assert.deepEqual(await swept, { released: 0, fetched: 0 });
});

test('a link that lies about the size is refused, whichever comes first', async (t) => {
  const { store: theirs, link } = await blobOf(t, pattern(5000));
  const peers = new Map([['a', { store: theirs }]]);
  const lie = { cid: link.cid, size: 4000 };
  const first = homeAmong(t, peers);
  await assert.rejects(first.keeper.prefetch(linking(lie), HERE, 'a'), codeIs('blob_missing'));
  assert.throws(() => first.keeper.hold(linking(lie), HERE, 'a'), codeIs('blob_missing'));
  assert.equal((await first.keeper.prefetch(linking(link), HERE, 'a')).isWhole, true);
  first.keeper.hold(linking(link), HERE, 'a');
  assert.equal(first.blobs.store().namespaceBytes(HERE.namespaceId), link.size);
  await assert.rejects(first.keeper.prefetch(linking(lie), HERE, 'a'), codeIs('blob_missing'));
  assert.throws(() => first.keeper.hold(linking(lie), HERE, 'a'), codeIs('blob_missing'));
});

test('the share of a namespace is held before anything is fetched, and counts what was prepared and never put', async (t) => {
  const { store: theirs, link } = await blobOf(t, pattern(3 * MIB));
  const small = await putBytes(theirs, pattern(MIB));
  const { keeper, blobs } = homeAmong(t, new Map([['a', { store: theirs }]]), 4 * MIB - 1);
  await keeper.prefetch(linking(link), HERE, 'a');
  await assert.rejects(keeper.prefetch(linking(small), HERE, 'a'), codeIs('over_quota'));
  assert.equal(blobs.store().stat(small.cid), null);
  keeper.hold(linking(link), HERE, 'a');
  assert.equal(blobs.store().namespaceBytes(HERE.namespaceId), 3 * MIB, 'it is counted once');
  await assert.rejects(keeper.prefetch(linking(small), HERE, 'a'), codeIs('over_quota'));
});

test('who asks meanwhile hears how far it is', async (t) => {
  const { store: theirs, link } = await blobOf(t, pattern(12 * MIB));
  const slow = Promise.withResolvers<void>();
  let given = 0;
  const gives: Peer = {
    store: {
      block: async (cid: Uint8Array) => {
        given += 1;
        if (given > 10) await slow.promise;
        return theirs.block(cid);
      },
    },
  };
  const { keeper, blobs, clock } = homeAmong(t, new Map([['a', gives]]));
  const answered = keeper.prefetch(linking(link), HERE, 'a');
  await until('some of it is here', () => given > 10);
  clock.advance(PREFETCH_ANSWER_MS);
  const progress = await answered;
  assert.equal(progress.isWhole, false);
  slow.resolve();
  await until(
    'the rest came without being asked for again',
    () => blobs.opened?.stat(link.cid)?.isComplete === true,
  );
  assert.equal((await keeper.prefetch(linking(link), HERE, 'a')).isWhole, true);
  assert.equal(given, 13, 'each block once');
});
