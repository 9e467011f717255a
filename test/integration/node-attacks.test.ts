import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Connection } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import type { MaillonNode } from '../../node/index.ts';
import { SCORE_THRESHOLDS } from '../../node/libp2p.ts';
import { Inbox, publish, startNode, tcpAddress } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';

/** Nothing but libp2p: it opens streams and answers none. */
async function mute(t: TestContext, node: MaillonNode): Promise<Connection> {
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
  return libp2p.dial(multiaddr(tcpAddress(node)));
}

test('a peer that never answers keeps nobody else waiting for gossip', async (t) => {
  const victim = await startNode(t);
  const attacker = await mute(t, victim);
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
