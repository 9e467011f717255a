import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { createNode } from '../../node/index.ts';
import { SCORE_THRESHOLDS } from '../../node/network/gossip-options.ts';
import { createNetwork } from '../../node/network/libp2p.ts';
import { libp2pLogger } from '../../node/observability/libp2p-logger.ts';
import { Liveness } from '../../node/peers/liveness.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { testConfig } from '../support/config.ts';
import { Inbox, publish, startNode, tcpAddress } from '../support/node.ts';
import { scratch, until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { silentLogger } from '../support/silent-logger.ts';

/** Nothing but libp2p: it opens streams and answers none. */
async function mute(t: TestContext, address: string): Promise<Connection> {
  const muxer = yamux();
  const libp2p: Libp2p = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      () => {
        const factory = muxer();
        const createStreamMuxer = factory.createStreamMuxer.bind(factory);
        factory.createStreamMuxer = (connection) => {
          const made = createStreamMuxer(connection);
          const listen = made.addEventListener.bind(made) as (type: string, ...rest: unknown[]) => void;
          // whoever opens a stream to this peer waits for ever
          made.addEventListener = ((type: string, ...rest: unknown[]) => {
            if (type !== 'stream') listen(type, ...rest);
          }) as typeof made.addEventListener;
          return made;
        };
        return factory;
      },
    ],
  });
  t.after(() => libp2p.stop());
  return libp2p.dial(multiaddr(address));
}

test('a peer that never answers keeps nobody else waiting for gossip', async (t) => {
  const victim = await startNode(t);
  const attacker = await mute(t, tcpAddress(victim));
  for (let stream = 0; stream < 2; stream++) await attacker.newStream('/meshsub/1.2.0');
  const honest = await startNode(t, { through: [victim] });
  assert.ok(
    honest.status().mesh.every((size) => size > 0),
    'it is meshed when it has started',
  );
  const inbox = new Inbox(honest, 'hello');
  await publish(victim, 'hello', 'there you are');
  await until('the message is there', () => inbox.has('there you are'));
});

test('a connection that went silent is dropped, one that answers is kept', async (t) => {
  const init = {
    config: testConfig(scratch(t)),
    role: 'full',
    version: 'test',
    listen: ['/ip4/127.0.0.1/tcp/0'],
  } as const;
  const { network } = await createNetwork({
    ...init,
    privateKey: await generateKeyPair('Ed25519'),
    logger: libp2pLogger(silentLogger()),
    onCopy: () => undefined,
    scoreOf: () => 0,
    onFault: () => undefined,
  });
  await network.start();
  t.after(() => network.stop());
  const liveness = new Liveness(
    { network, clock: systemClock, logger: silentLogger() },
    { periodMs: 200, pauseMaxMs: 50, timeoutMs: 500 },
  );
  const address = String(network.getMultiaddrs()[0]);
  const alive = await startNode(t, { settings: { bootstrap: [address] } });
  const silent = await mute(t, address);
  await until('both are there', () => network.getPeers().length === 2);
  liveness.start();
  t.after(() => liveness.stop());
  await until('the silent one is gone', () => silent.status !== 'open');
  assert.deepEqual(network.getPeers().map(String), [alive.status().peerId]);
});

test('faults are held against a peer that leaves and comes back', async (t) => {
  const node = await startNode(t);
  const liar = await RawPeer.connect(t, node);
  liar.send(0, ...Array.from({ length: 5 }, (_, i) => Buffer.of(i, 1, 2, 3)));
  await until('it is graylisted', async () => (await liar.score()) < SCORE_THRESHOLDS.graylistThreshold);
  await liar.reconnect();
  await until('it is there again', async () => !Number.isNaN(await liar.score()));
  assert.ok((await liar.score()) < SCORE_THRESHOLDS.graylistThreshold, `its score is ${await liar.score()}`);
  const { refused } = node.status().relay;
  const before = refused.envelope_malformed;
  liar.send(0, Buffer.of(9, 9, 9));
  await liar.barrier();
  assert.equal(refused.envelope_malformed, before, 'it is not listened to');
});

test('a bootstrap peer that comes up late is found by those who already have each other', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'maillon-late-'));
  const early = await startNode(t, { data });
  const address = tcpAddress(early);
  const port = Number(/tcp\/(\d+)/.exec(address)?.[1]);
  await early.stop();
  const second = await startNode(t);
  const third = await startNode(t, { settings: { bootstrap: [tcpAddress(second), address] } });
  assert.equal(third.status().peers, 1, 'the others have each other');
  const late = await startNode(t, { data, settings: { 'listen.tcp': port } });
  // after the node has stopped: these run in the order in which they were said
  t.after(() => rmSync(data, { recursive: true, force: true }));
  assert.equal(tcpAddress(late), address, 'it is where it was');
  await until('it was found', () => late.status().peers >= 1 && late.status().mesh.every((size) => size > 0));
});

test('what peers put into the DHT or provide there is refused, not stored', async (t) => {
  const node = await startNode(t);
  const libp2p = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
  t.after(() => libp2p.stop());
  const connection = await libp2p.dial(multiaddr(tcpAddress(node)));
  // protobuf of a DHT message: field 1, its type; ADD_PROVIDER is 2, PUT_VALUE 0, FIND_NODE 4
  for (const [type, isAnswered] of [
    [2, false],
    [0, false],
    [4, true],
  ] as const) {
    const stream = await connection.newStream('/maillon/kad/1');
    let answered = false;
    stream.addEventListener('message', () => (answered = true));
    const key = libp2p.peerId.toMultihash().bytes;
    const message = Buffer.from([0x08, type, 0x12, key.byteLength, ...key]);
    stream.send(Buffer.from([message.byteLength, ...message]));
    await until('an answer or a reset', () => answered || stream.status !== 'open');
    assert.equal(answered, isAnswered, `type ${type}`);
    await stream.close().catch(() => undefined);
  }
});

test('a start that fails leaves nothing open: the same node starts when the cause is gone', async (t) => {
  const first = await startNode(t);
  const port = Number(/tcp\/(\d+)/.exec(tcpAddress(first))?.[1]);
  const data = mkdtempSync(join(tmpdir(), 'maillon-failed-'));
  const explicit = new Set(['listen.tcp']);
  const config = testConfig(data, { explicit, 'listen.tcp': port });
  const node = createNode({ logger: silentLogger() }, { config, role: 'full', version: 'test' });
  t.after(async () => {
    await node.stop();
    rmSync(data, { recursive: true, force: true });
  });
  await assert.rejects(node.start(), { code: 'port_taken' });
  assert.throws(() => node.status(), { code: 'not_running' });
  await first.stop();
  await node.start();
  assert.equal(node.status().addresses.length, 2);
});

test('a start that fails between two parts leaves no file open', {
  skip: existsSync('/proc/self/fd') ? false : 'this system does not list the open files of a process',
}, async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'maillon-failed-'));
  writeFileSync(join(data, 'relay'), 'where a directory is to be');
  await assert.rejects(startNode(t, { data }), /ENOTDIR/);
  assert.deepEqual(openFilesIn(data), []);
  rmSync(join(data, 'relay'));
  await startNode(t, { data });
  t.after(() => rmSync(data, { recursive: true, force: true }));
  assert.notDeepEqual(openFilesIn(data), []);
});

function openFilesIn(directory: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => (existsSync(`/proc/self/fd/${fd}`) ? readlinkSync(`/proc/self/fd/${fd}`) : ''))
    .filter((path) => path.startsWith(`${directory}/`));
}

test('a peer that comes and goes does not keep a node from looking for others', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'maillon-sought-'));
  const sought = await startNode(t, { data });
  const known = tcpAddress(sought);
  const port = Number(/tcp\/(\d+)/.exec(known)?.[1]);
  await sought.stop();
  const seeker = await startNode(t, { settings: { bootstrap: [known, tcpAddress(await startNode(t))] } });
  const restless = await RawPeer.connect(t, seeker);
  const back = await startNode(t, { data, settings: { 'listen.tcp': port } });
  t.after(() => rmSync(data, { recursive: true, force: true }));
  await until('the other was found all the same', async () => {
    await restless.reconnect();
    return back.status().peers >= 1;
  });
});
