/** The trustless gateway at a light node: it keeps nothing itself, finds public blobs at full nodes, and none that are private. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CarBlockIterator } from '@ipld/car';
import type { MaillonNode } from '../../node/index.ts';
import { type Block, cidOf, cidText, PROFILE } from '../../protocols/blobs/index.ts';
import { blobOf, pattern, piecesOf } from '../support/blobs.ts';
import { sha256 } from '../support/envelopes.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { type Cleanup, until } from '../support/processes.ts';
import { putBlob, setOpen } from '../support/public-blobs.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const MIB = PROFILE.chunkBytes;
const OPEN = pattern(4 * MIB + 99);
const CLOSED = pattern(2 * MIB + 5, 77);
/** Two chunks are the same. */
const TWICE = Buffer.concat([pattern(MIB), pattern(MIB), pattern(5)]);
const FOREIGN_PAGE = { origin: 'https://elsewhere.example' };

const ends: (() => void | Promise<void>)[] = [];
const cleanup: Cleanup = { after: (end) => void ends.push(end) };
let node: MaillonNode;
let site: Site;
let open: string;
let twice: string;
let closed: readonly Block[];

before(async () => {
  node = await startNode(cleanup);
  site = await startSite({ role: 'light', settings: { bootstrap: [tcpAddress(node)] } });
  open = cidText(await putBlob(node, 'open', OPEN));
  twice = cidText(await putBlob(node, 'open', TWICE, 'twice'));
  await putBlob(node, 'closed', CLOSED);
  closed = (await blobOf(piecesOf(CLOSED, MIB), PROFILE)).blocks;
  await setOpen(node, 'open', true);
  await setOpen(node, 'closed', false);
  await until('the light node knows who stores', () => site.node.storage.status().members === 1);
});
after(async () => {
  await site[Symbol.asyncDispose]();
  for (const end of ends) await end();
});

function ask(cid: string, query: string, init: RawRequest = {}): Promise<RawAnswer> {
  return rawRequest(site.url, `/ipfs/${cid}${query}`, {
    ...init,
    headers: { host: 'localhost', ...init.headers },
  });
}

interface Car {
  readonly roots: string[];
  readonly blocks: { readonly cid: string; readonly bytes: Uint8Array }[];
}

/** Read by a reader of others; each block is held against its CID. */
async function carOf(bytes: Uint8Array): Promise<Car> {
  const car = await CarBlockIterator.fromBytes(bytes);
  const blocks: Car['blocks'] = [];
  for await (const { cid, bytes: block } of car) {
    assert.deepEqual(Buffer.from(sha256(block)), Buffer.from(cid.multihash.digest), String(cid));
    blocks.push({ cid: String(cid), bytes: block });
  }
  return { roots: (await car.getRoots()).map(String), blocks };
}

/** The bytes of the leaves, in their order. */
function fileOf({ blocks }: Car): Buffer {
  return Buffer.concat(blocks.filter(({ cid }) => cid.startsWith('bafkrei')).map(({ bytes }) => bytes));
}

test('a block comes as it is, to be kept for ever', async () => {
  const { status, headers, bytes } = await ask(open, '?format=raw');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/vnd.ipld.raw');
  assert.equal(headers['content-disposition'], `attachment; filename="${open}.bin"`);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(String(headers['cache-control']), /immutable/);
  assert.equal(headers['x-ipfs-roots'], open);
  assert.equal(headers['x-ipfs-path'], `/ipfs/${open}`);
  assert.equal(cidText(cidOf(sha256(bytes), 1)), open);
  const head = await ask(open, '', { method: 'HEAD', headers: { accept: 'application/vnd.ipld.raw' } });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(bytes.byteLength));
  assert.equal(head.bytes.byteLength, 0);
  const again = await ask(open, '?format=raw', { headers: { 'if-none-match': String(headers['etag']) } });
  assert.equal(again.status, 304);
  assert.equal(again.bytes.byteLength, 0);
});

test('a CAR has the whole file, depth first, for a stock reader', async () => {
  const { status, headers, bytes } = await ask(open, '', { headers: { accept: 'application/vnd.ipld.car' } });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/vnd.ipld.car; version=1; order=dfs; dups=y');
  const car = await carOf(bytes);
  assert.deepEqual(car.roots, [open]);
  assert.equal(car.blocks[0]?.cid, open);
  assert.ok(fileOf(car).equals(OPEN));
  const etag = String(headers['etag']);
  assert.equal((await ask(open, '?format=car', { headers: { 'if-none-match': etag } })).status, 304);
  const head = await ask(open, '?format=car', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers['etag'], etag);
});

test('a CAR has what is asked for: one block, a range, or each block once', async () => {
  const alone = await carOf((await ask(open, '?format=car&dag-scope=block')).bytes);
  assert.deepEqual(
    alone.blocks.map(({ cid }) => cid),
    [open],
  );
  const entity = await carOf((await ask(open, '?format=car&dag-scope=entity')).bytes);
  assert.ok(fileOf(entity).equals(OPEN));
  for (const [range, start, end] of [
    [`${MIB}:${MIB}`, 1, 2],
    [`${MIB - 1}:${MIB}`, 0, 2],
    ['-5:*', 4, 5],
    [`${3 * MIB}:*`, 3, 5],
    [`0:-${4 * MIB}`, 0, 1],
  ] as const) {
    const car = await carOf((await ask(open, `?format=car&entity-bytes=${range}`)).bytes);
    assert.ok(fileOf(car).equals(OPEN.subarray(start * MIB, Math.min(OPEN.length, end * MIB))), range);
  }
  const both = await ask(twice, '?format=car');
  assert.ok(fileOf(await carOf(both.bytes)).equals(TWICE));
  const accept = 'application/vnd.ipld.car; version=1; order=dfs; dups=n';
  const once = await ask(twice, '', { headers: { accept } });
  assert.equal(once.headers['content-type'], accept);
  assert.notEqual(once.headers['etag'], both.headers['etag']);
  assert.equal((await carOf(once.bytes)).blocks.length, 3, 'root, leaf, last leaf');
  const [, leaf] = (await carOf(both.bytes)).blocks;
  const under = await carOf((await ask(leaf?.cid ?? '', '?format=car')).bytes);
  assert.ok(fileOf(under).equals(TWICE.subarray(0, MIB)), 'what is inside is public as well');
});

test('what cannot be given is refused by name', async () => {
  for (const [query, headers, code, status] of [
    ['', {}, 'not_acceptable', 406],
    ['', { accept: 'text/html, */*;q=0.1' }, 'not_acceptable', 406],
    ['?format=tar', {}, 'not_acceptable', 406],
    ['?format=car&car-version=2', {}, 'not_acceptable', 406],
    ['?format=car&dag-scope=half', {}, 'bad_request', 400],
    ['?format=car&entity-bytes=a:b', {}, 'bad_request', 400],
    ['?format=raw', { 'if-none-match': 'no tag' }, 'bad_etag', 400],
  ] as const) {
    const answer = await ask(open, query, { headers });
    assert.equal(answer.status, status, query);
    assert.equal(answer.body.code, code, query);
  }
  for (const cid of ['QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn', 'bafyreigh2akiscaildc', 'x']) {
    const { status, body } = await ask(cid, '?format=raw');
    assert.equal(status, 400);
    assert.equal(body.code, 'bad_cid');
  }
  assert.equal((await ask(`${open}/path`, '?format=car')).status, 404, 'a file has no paths');
  const probe = await ask('bafkqaaa', '?format=raw');
  assert.equal(probe.status, 200);
  assert.equal(probe.bytes.byteLength, 0);
});

test('what is private is answered as what is not there, block by block', async () => {
  const absent = await ask(cidText(cidOf(sha256(Buffer.from('nobody has it')), 0)), '?format=raw');
  assert.equal(absent.status, 404);
  assert.equal(absent.body.code, 'not_found');
  assert.ok(closed.length >= 4);
  for (const { cid } of closed) {
    for (const query of ['?format=raw', '?format=car']) {
      const { status, text, headers } = await ask(cidText(cid), query);
      assert.equal(status, 404);
      assert.equal(text, absent.text);
      assert.equal(headers['cache-control'], absent.headers['cache-control']);
      const known = { 'if-none-match': `"${cidText(cid)}.raw"` };
      assert.equal((await ask(cidText(cid), query, { headers: known })).status, 404);
    }
  }
});

test('pages of any site may ask here, and nowhere else', async () => {
  const { status, headers } = await ask(open, '?format=raw', { headers: FOREIGN_PAGE });
  assert.equal(status, 200);
  assert.equal(headers['access-control-allow-origin'], '*');
  const preflight = await ask(open, '', {
    method: 'OPTIONS',
    headers: { ...FOREIGN_PAGE, 'access-control-request-method': 'GET' },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], '*');
  const elsewhere = await rawRequest(site.url, '/v1/info', {
    headers: { host: 'localhost', ...FOREIGN_PAGE },
  });
  assert.equal(elsewhere.status, 403);
  const rebound = await ask(open, '?format=raw', { headers: { host: 'evil.example' } });
  assert.equal(rebound.status, 421);
});

test('a policy counts at once, in both directions; of two namespaces one is enough', async () => {
  const cid = cidText(await putBlob(node, 'turning', pattern(MIB / 2, 12_345)));
  const status = async (): Promise<number> => (await ask(cid, '?format=raw')).status;
  assert.equal(await status(), 404, 'without a policy');
  await setOpen(node, 'turning', true);
  assert.equal(await status(), 200);
  await setOpen(node, 'turning', false);
  assert.equal(await status(), 404);
  assert.equal(cidText(await putBlob(node, 'open', pattern(MIB / 2, 12_345), 'same bytes')), cid);
  assert.equal(await status(), 200);
  await node.storage.delete({ owner: node.owner, namespace: 'open', key: 'same bytes' });
  assert.equal(await status(), 404, 'its record is gone');
});
