/** A client that asks for much, or a peer that gives slowly, does not starve others. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BlobExchange } from '../../../../../node/blobs/exchange.ts';
import type { BlobStore } from '../../../../../node/blobs/interface.ts';
import {
  BLOB_FETCH_TURN_MS,
  BLOB_FETCHES_PER_PEER,
  BLOB_FETCHES_WAITING_PER_PEER,
  BLOB_STALL_MS,
  BLOCKS_GIVEN_AT_ONCE,
} from '../../../../../node/storage/api/limits.ts';
import { BlobFetches } from '../../../../../node/storage/blobs/blob-fetches.ts';
import { BlobRequestHandler } from '../../../../../node/storage/blobs/request-handler.ts';
import { NoAnswer } from '../../../../../node/storage/rpc/client.ts';
import type { BlobLink } from '../../../../../protocols/blobs/index.ts';
import { cidOf } from '../../../../../protocols/common/block-cid.ts';
import { blobHome, NAMESPACE, openBlobs, putBytes } from '../../../../support/blob-store.ts';
import { pattern } from '../../../../support/blobs.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch, until } from '../../../../support/processes.ts';
import { crypto } from '../../../../support/store-records.ts';

type Give = (cid: Uint8Array, signal: AbortSignal) => Promise<Uint8Array | null>;

function fetching(t: TestContext, peers: ReadonlyMap<string, Give>) {
  const clock = new ManualClock(Date.now());
  const blobs = blobHome(scratch(t), { clock });
  const exchange = new BlobExchange({
    crypto,
    onLie: () => undefined,
    ask: async (id, request, signal) => {
      const give = peers.get(id);
      if (give === undefined || !('cid' in request) || request.type !== 'block')
        throw new NoAnswer('it is not there', false);
      return { bytes: await give(request.cid, signal) } as never;
    },
  });
  const fetches = new BlobFetches({ blobs, exchange, clock });
  fetches.start();
  t.after(async () => {
    fetches.stop();
    await blobs.close();
  });
  const ask = (link: BlobLink, peer: string): Promise<void> =>
    fetches.fetch({ link, namespaceId: NAMESPACE, sources: [peer], peer });
  return { ask, blobs, clock };
}

function soon(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A link to what nobody has. */
function linkTo(n: number): BlobLink {
  return { cid: cidOf(crypto.sha256(Buffer.from(String(n))), 0), size: 5 };
}

const silent: Give = (_cid, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

async function blobOf(t: TestContext, bytes: Uint8Array): Promise<{ give: Give; link: BlobLink }> {
  const store = openBlobs(scratch(t));
  t.after(() => store.close());
  return { give: (cid) => store.block(cid), link: await putBytes(store, bytes) };
}

test('one peer has so many waiting at most; others get their turn all the same', async (t) => {
  const { give, link } = await blobOf(t, pattern(100));
  const { ask } = fetching(
    t,
    new Map([
      ['greedy', silent],
      ['honest', give],
    ]),
  );
  const asked = Array.from({ length: BLOB_FETCHES_PER_PEER + BLOB_FETCHES_WAITING_PER_PEER }, (_, n) =>
    ask(linkTo(n), 'greedy').catch((error: unknown) => error),
  );
  await assert.rejects(ask(linkTo(-1), 'greedy'), { code: 'overloaded' });
  await ask(link, 'honest');
  assert.ok(asked.length > 0);
});

test('fetches that go slowly make room for those that wait, and go on later', async (t) => {
  const { give, link } = await blobOf(t, pattern(100));
  const slow = Promise.withResolvers<void>();
  const { give: giveOther, link: other } = await blobOf(t, pattern(3 * 2 ** 20));
  const later: Give = async (cid, signal) => {
    await Promise.race([slow.promise, silent(cid, signal)]);
    return giveOther(cid, signal);
  };
  const slowPeers = ['a', 'b', 'c'];
  const peers = new Map<string, Give>([...slowPeers.map((id) => [id, silent] as const), ['d', give]]);
  peers.set('a', later);
  const { ask, blobs, clock } = fetching(t, peers);
  const first = ask(other, 'a');
  const rest = slowPeers.flatMap((id, at) =>
    [1, 2, 3, 4].slice(at === 0 ? 1 : 0).map((n) => ask(linkTo(10 * at + n), id)),
  );
  for (const one of rest) one.catch(() => undefined);
  let isDone = false;
  const last = ask(link, 'd').then(() => {
    isDone = true;
  });
  await clock.advanceAsync(BLOB_FETCH_TURN_MS - 1);
  assert.equal(isDone, false, 'each of those that run has its turn');
  clock.advance(1);
  await last;
  slow.resolve();
  await first;
  assert.equal(blobs.store().stat(other.cid)?.isComplete, true);
});

test('a blob of which nothing comes is given up, one of which something comes in time is not', async (t) => {
  const { give, link } = await blobOf(t, pattern(3 * 2 ** 20));
  const gates: (() => void)[] = [];
  const slow: Give = async (cid, signal) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return give(cid, signal);
  };
  const peers = new Map([
    ['slow', slow],
    ['mute', silent],
  ]);
  const { ask, clock } = fetching(t, peers);
  const taken = ask(link, 'slow');
  const refused = assert.rejects(ask(linkTo(1), 'mute'), { code: 'no_source' });
  await until('its first block is asked for', () => gates.length === 1);
  clock.advance(BLOB_STALL_MS - 1);
  gates[0]?.();
  await until('it came, and the next ones are asked for', () => gates.length > 1);
  clock.advance(1);
  await refused;
  while ((await Promise.race([taken.then(() => 'taken'), soon()])) !== 'taken') {
    for (const open of gates) open();
  }
});

test('who asks for what is on its way is asked for it as well', async (t) => {
  const { give, link } = await blobOf(t, pattern(2 * 2 ** 20));
  const asked = Promise.withResolvers<void>();
  const joined = Promise.withResolvers<void>();
  let given = 0;
  const first: Give = async (cid, signal) => {
    asked.resolve();
    await joined.promise;
    given += 1;
    // of what it announced it has the beginning only
    return given === 1 ? give(cid, signal) : null;
  };
  const peers = new Map([
    ['first', first],
    ['second', give],
  ]);
  const { ask } = fetching(t, peers);
  const one = ask(link, 'first');
  await asked.promise;
  const two = ask(link, 'second');
  joined.resolve();
  await Promise.all([one, two]);
});

test('so many blocks are read for peers at a time', async () => {
  let reading = 0;
  let most = 0;
  const go = Promise.withResolvers<void>();
  const opened: Pick<BlobStore, 'block'> = {
    block: async () => {
      reading += 1;
      most = Math.max(most, reading);
      await go.promise;
      reading -= 1;
      return pattern(10);
    },
  };
  const blobRequests = new BlobRequestHandler({
    blobs: { opened: opened as BlobStore },
    isPublic: () => true,
  });
  const answers = Array.from({ length: 3 * BLOCKS_GIVEN_AT_ONCE }, () =>
    blobRequests.answer({ type: 'block', cid: linkTo(1).cid, isPublic: false }),
  );
  await until('some are read', () => reading === BLOCKS_GIVEN_AT_ONCE);
  go.resolve();
  assert.equal((await Promise.all(answers)).length, 3 * BLOCKS_GIVEN_AT_ONCE);
  assert.equal(most, BLOCKS_GIVEN_AT_ONCE);
});
