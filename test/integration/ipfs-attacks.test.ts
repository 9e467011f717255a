/** Peers that ask for public blocks in bad faith, over real connections: what they cost is bounded, and others are served meanwhile. */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { BitswapServer } from '../../node/ipfs/bitswap-server.ts';
import {
  BITSWAP_MESSAGE_MAX_BYTES,
  SENDS_AT_ONCE,
  WANTLIST_BURST_BYTES,
  WANTS_MAX,
} from '../../node/ipfs/limits.ts';
import { createIpfsMetrics } from '../../node/ipfs/metrics.ts';
import type { Network } from '../../node/network/libp2p.ts';
import { cidOf, PROFILE } from '../../protocols/blobs/index.ts';
import { bytesKey } from '../../protocols/common/bytes.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { BitswapPeer, field, number, varint, wantlist } from '../support/bitswap-peer.ts';
import { sha256 } from '../support/envelopes.ts';
import { until } from '../support/processes.ts';
import { silentLogger } from '../support/silent-logger.ts';

const SEND_TIMEOUT_MS = 1_000;
const BLOCKS = Array.from({ length: 24 }, (_, index) => {
  const bytes = Buffer.alloc(PROFILE.chunkBytes, index);
  return { cid: cidOf(sha256(bytes), 0), bytes };
});
const HELD = new Map(BLOCKS.map(({ cid, bytes }) => [bytesKey(cid), bytes]));
const absent = (index: number): Uint8Array => cidOf(sha256(Buffer.from(`absent ${index}`)), 0);

/** A server of these blocks. */
async function serve(t: TestContext) {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1000 },
  });
  const metrics = createIpfsMetrics();
  const blocks = {
    has: (cid: Uint8Array) => HELD.has(bytesKey(cid)),
    block: async (cid: Uint8Array) => HELD.get(bytesKey(cid)) ?? null,
  };
  const network = libp2p as unknown as Network;
  const server = new BitswapServer(
    { network, blocks, clock: systemClock, logger: silentLogger(), metrics },
    { sendTimeoutMs: SEND_TIMEOUT_MS },
  );
  await server.start();
  t.after(async () => {
    await server.stop();
    await libp2p.stop();
  });
  const [address] = libp2p.getMultiaddrs();
  return { server, metrics, address: String(address) };
}

async function assertServes(t: TestContext, address: string): Promise<void> {
  const honest = await BitswapPeer.connect(t, address);
  const [first] = BLOCKS;
  assert.ok(first !== undefined);
  await honest.ask([{ cid: first.cid }]);
  await until('an honest peer is served', () => honest.blocks.length === 1);
  assert.equal(honest.blocks[0], sha256(first.bytes).toString('hex'));
}

/** Malformed messages. */
const MALFORMED: Readonly<Record<string, Buffer>> = {
  'no protobuf': Buffer.from('no protobuf at all'),
  'a field that ends too early': Buffer.concat([varint(0x0a), varint(1000), Buffer.alloc(3)]),
  'a length of 4 GiB': Buffer.concat([varint(0x0a), varint(2 ** 32 - 1)]),
  'a wantlist that is a number': number(1, 7),
  'an entry that is a number': field(1, number(1, 7)),
  'an entry without a CID': field(1, field(1, number(2, 1))),
  'an empty CID': wantlist([{ cid: new Uint8Array() }]),
  'a CID of a kilobyte': wantlist([{ cid: new Uint8Array(1024) }]),
  'a want of no known type': field(1, field(1, Buffer.concat([field(1, absent(0)), number(4, 9)]))),
  'groups in groups': Buffer.alloc(100_000, 0x0b),
  'more wants than fit': wantlist(Array.from({ length: 4097 }, () => ({ cid: new Uint8Array(4) }))),
};

test('what is no message ends its stream, and nothing else', async (t) => {
  const { server, metrics, address } = await serve(t);
  const peer = await BitswapPeer.connect(t, address);
  for (const [what, message] of Object.entries(MALFORMED)) {
    const refused = metrics.messagesRefused;
    const stream = await peer.say(message);
    await until(`${what} is refused`, () => stream.status !== 'open');
    assert.equal(metrics.messagesRefused, refused + 1, what);
  }
  const announced = await peer.say(Buffer.alloc(10), BITSWAP_MESSAGE_MAX_BYTES + 1);
  await until('it is cut off before it comes', () => announced.status !== 'open');
  assert.equal(server.waiting, 0);
  const [first] = BLOCKS;
  assert.equal(await peer.has(first?.cid ?? absent(0)), true, 'it is heard on');
});

test('of a huge wantlist the beginning waits, the rest is not heard', async (t) => {
  const { server, metrics, address } = await serve(t);
  const peer = await BitswapPeer.connect(t, address);
  const wants = Array.from({ length: 2400 }, (_, index) => ({ cid: absent(index), isOfBlock: false }));
  await peer.ask(wants);
  await until('it was read', () => metrics.wantsReceived === wants.length);
  assert.equal(metrics.wantsDropped, wants.length - WANTS_MAX);
  assert.ok(server.waiting <= WANTS_MAX);
  await until('all that waited is answered', () => peer.presences.size === WANTS_MAX);
  // wanted and not wanted any more before its turn
  const stream = await peer.say(wantlist(wants.slice(1500)));
  stream.send(framed(wantlist([{ cid: absent(0) }], true)));
  await until('only what was said last is left', () => server.waiting === 0);
});

test('who says too much is not heard for a while', async (t) => {
  const { metrics, address } = await serve(t);
  const peer = await BitswapPeer.connect(t, address);
  const message = field(9, Buffer.alloc(BITSWAP_MESSAGE_MAX_BYTES - 8));
  const stream = await peer.say(message);
  for (let said = message.byteLength; said <= WANTLIST_BURST_BYTES + 2 * message.byteLength; ) {
    if (stream.status !== 'open') break;
    stream.send(framed(message));
    said += message.byteLength;
  }
  await until('it is cut off', () => metrics.peersDeafened === 1 && stream.status !== 'open');
  const again = await peer.say(wantlist([{ cid: absent(0) }])).catch(() => null);
  await until('and stays so', () => again?.status !== 'open');
  await assertServes(t, address);
});

test('who takes nothing costs one block, for a while; the others are served', async (t) => {
  const { server, metrics, address } = await serve(t);
  const proxy = await StallingProxy.before(t, address);
  const stalled = await Promise.all(
    Array.from({ length: SENDS_AT_ONCE + 4 }, () => BitswapPeer.connect(t, proxy.address)),
  );
  // a stream needs an answer before anything is said on it
  const streams = await Promise.all(stalled.map((peer) => peer.say(wantlist([{ cid: absent(0) }]))));
  await until('they take something', () => stalled.every(({ presences }) => presences.size === 1));
  proxy.stall();
  for (const stream of streams) stream.send(framed(wantlist(BLOCKS.map(({ cid }) => ({ cid })))));
  await until('they want something', () => metrics.wantsReceived >= BLOCKS.length * SENDS_AT_ONCE);
  await assertServes(t, address);
  await until('they are given up', () => metrics.peersDeafened >= stalled.length);
  assert.equal(server.waiting, 0);
  // of each what the sockets on the way hold, and one that waited
  assert.ok(metrics.blocksSent <= stalled.length * 12 + 1, `${metrics.blocksSent}`);
});

test('what somebody wanted goes with him', async (t) => {
  const { server, metrics, address } = await serve(t);
  const peer = await BitswapPeer.connect(t, address);
  await peer.ask(BLOCKS.map(({ cid }) => ({ cid })));
  await until('something is under way', () => metrics.blocksSent > 0);
  await peer.leave();
  await until('nothing waits', () => server.waiting === 0);
  assert.equal(metrics.peersDeafened, 0);
});

function framed(message: Uint8Array): Buffer {
  return Buffer.concat([varint(message.byteLength), message]);
}

/** Passes bytes on, until it takes no more of those that come from the server. */
class StallingProxy {
  readonly address: string;
  readonly #upstreams: Socket[];

  private constructor(address: string, upstreams: Socket[]) {
    this.address = address;
    this.#upstreams = upstreams;
  }

  static async before(t: TestContext, address: string): Promise<StallingProxy> {
    const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1]);
    const upstreams: Socket[] = [];
    const server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      upstreams.push(upstream);
      client.pipe(upstream);
      upstream.pipe(client);
      client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const upstream of upstreams) upstream.destroy();
      server.close();
    });
    return new StallingProxy(`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`, upstreams);
  }

  stall(): void {
    for (const upstream of this.#upstreams) {
      upstream.unpipe();
      upstream.pause();
    }
  }
}
