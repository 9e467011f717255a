import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode, NodeView } from '../../node/index.ts';
import { EventLog } from '../../node/observability/events.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { NODES_PROTOCOL } from '../../protocols/nodes/index.ts';
import {
  announcement,
  announcementAt,
  EXAMPLE,
  HALF_HOUR_MS,
  peerIdOf,
  tcp4,
  wireOf,
} from '../support/announcements.ts';
import * as cbor from '../support/cbor.ts';
import { authorNumber } from '../support/directory.ts';
import { scores, startNode, tcpAddress } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { silentLogger } from '../support/silent-logger.ts';

function idOf(node: MaillonNode): string {
  return node.status().peerId;
}

function found(node: MaillonNode, id: string): NodeView | undefined {
  return node.nodes().find((one) => one.id === id);
}

/** Nobody listens here: the discard port, on addresses of this machine. */
function nowhere(prefix: number, host = 1) {
  return tcp4(`127.9.${prefix}.${host}`, 9);
}

test('nodes learn of each other, dial back, and show what was announced; a late one learns all at once', async (t) => {
  const first = await startNode(t);
  const second = await startNode(t, { through: [first] });
  const third = await startNode(t, { through: [first] });
  const light = await startNode(t, { through: [first], role: 'light' });
  const full = [first, second, third];
  await until('all know all', () => [...full, light].every((node) => node.nodes().length === 4));
  await until('and have reached the full ones', () =>
    [...full, light].every((node) =>
      full.every((other) => other === node || found(node, idOf(other))?.reach === 'direct'),
    ),
  );
  const [self, ...others] = second.nodes();
  assert.equal(self?.id, idOf(second));
  assert.equal(self?.isSelf, true);
  assert.ok(others.every(({ isSelf }) => !isSelf));
  const view = found(second, idOf(first));
  assert.ok(view !== undefined && view.addresses.includes(tcpAddress(first)), view?.addresses.join());
  assert.deepEqual([view.role, view.version, view.generation], ['full', '0.0.0-test', 0]);
  assert.deepEqual(view.shards, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.ok(view.lastSeen > 0 && view.expiresAt - view.announcedAt === 1_800_000);
  const lightView = found(second, idOf(light));
  assert.deepEqual([lightView?.role, lightView?.addresses, lightView?.reach], ['light', [], null]);

  const late = await startNode(t, { through: [third] });
  await until('the late one knows all', () => late.nodes().length === 5);
  await until('all know the late one', () =>
    full.every((node) => found(node, idOf(late))?.reach === 'direct'),
  );
});

test('who announces itself and is not there stays hearsay, who connects and is not there too', async (t) => {
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const node = await startNode(t, { events });
  const liar = authorNumber(1);
  const peer = await RawPeer.connect(t, node, liar);
  peer.announce(announcementAt(Date.now(), liar, nowhere(1)));
  const absent = authorNumber(2);
  peer.announce(announcementAt(Date.now(), absent, nowhere(2)));
  await until('both are known', () => node.nodes().length === 3);
  await until('both were dialled in vain', () => events.count('dial_back_failed') >= 2);
  for (const author of [liar, absent]) assert.equal(found(node, peerIdOf(author))?.reach, null);
  assert.ok((found(node, peerIdOf(liar))?.lastSeen ?? 0) > 0, 'it is connected');
  assert.equal(found(node, peerIdOf(absent))?.lastSeen, 0);
});

test('what is forged, of another swarm or older is not taken, and nobody honest is charged for it', async (t) => {
  const middle = await startNode(t);
  const end = await startNode(t, { through: [middle] });
  const attacker = await RawPeer.connect(t, middle);
  const author = authorNumber(1);
  const now = Date.now();
  const older = announcementAt(now - 60_000, author, nowhere(1));
  const newer = announcementAt(now, author, nowhere(2));
  attacker.announce(newer);
  await until('the newer one is everywhere', () => found(end, peerIdOf(author)) !== undefined);
  attacker.announce(older);
  const fresh = { time: cbor.integer(now), expiry: cbor.integer(now + HALF_HOUR_MS) };
  attacker.announce(wireOf({ ...EXAMPLE, ...fresh }, Buffer.alloc(64, 1)));
  attacker.announce(announcement(fresh, { swarm: 'another', author: authorNumber(3) }));
  const last = announcementAt(now, authorNumber(4), nowhere(3));
  attacker.announce(last);
  await until('what came last is everywhere', () => found(end, peerIdOf(authorNumber(4))) !== undefined);
  for (const node of [middle, end]) {
    assert.equal(found(node, peerIdOf(author))?.announcedAt, now);
    assert.equal(node.nodes().length, 4, 'two nodes and two announced');
  }
  await until('who sent the forged one is charged', async () => (await attacker.score()) < 0);
  assert.ok(((await scores(end)).get(idOf(middle)) ?? -1) >= 0, 'who was between');
  // a second way: the honest one replays what it had, older than what is known
  const honest = await RawPeer.connect(t, end);
  honest.announce(older, announcementAt(now - 3_600_000, authorNumber(5), nowhere(4)));
  await honest.barrier();
  await until('its score is reckoned', async () => !Number.isNaN(await honest.score()));
  assert.ok((await honest.score()) >= 0);
  assert.equal(found(end, peerIdOf(author))?.announcedAt, now);
});

test('200 announcements of sybils in one prefix do not crowd out the honest', async (t) => {
  const settings = { 'directory.max': 64, 'directory.perPrefix': 8 };
  const first = await startNode(t, { settings, splitLoopback: true });
  const second = await startNode(t, {
    settings: { ...settings, 'listen.host': '127.0.1.1' },
    splitLoopback: true,
    through: [first],
  });
  const attacker = await RawPeer.connect(t, first);
  const now = Date.now();
  const sybils = Array.from({ length: 200 }, (_, n) => authorNumber(1000 + n));
  attacker.announce(...sybils.map((author, n) => announcementAt(now, author, nowhere(7, 1 + (n % 200)))));
  await attacker.barrier();
  await until('some of them are there', () => first.nodes().length >= 10);
  const honest = Array.from({ length: 10 }, (_, n) => authorNumber(n));
  attacker.announce(...honest.map((author, n) => announcementAt(now, author, nowhere(20 + n))));
  const late = await startNode(t, {
    settings: { ...settings, 'listen.host': '127.0.2.1' },
    splitLoopback: true,
    through: [second],
  });
  for (const node of [first, second]) {
    await until('the late one was reached', () => found(node, idOf(late))?.reach === 'direct');
  }
  await until('it has reached the others', () =>
    [first, second].every((node) => found(late, idOf(node))?.reach === 'direct'),
  );
  for (const node of [first, second, late]) {
    await until('every honest one is known', () => honest.every((author) => found(node, peerIdOf(author))));
    const present = sybils.filter((author) => found(node, peerIdOf(author)));
    assert.ok(present.length <= 8, `${present.length} sybils`);
  }
  assert.ok((await attacker.score()) >= 0, 'it forwarded what everybody may forward');
});

test('a peer that asks and reads nothing, asks nonsense or asks without end harms nobody', async (t) => {
  const node = await startNode(t);
  const peer = await RawPeer.connect(t, node);
  const silent = await peer.open(NODES_PROTOCOL);
  const nonsense = await peer.open(NODES_PROTOCOL);
  nonsense.send(Buffer.of(3, 0x83, 0x01, 0x02));
  await until('nonsense is answered by a reset', () => nonsense.status !== 'open');
  const endless = await peer.open(NODES_PROTOCOL);
  endless.send(Buffer.from([0xff, 0xff, 0x7f]));
  for (let i = 0; i < 64 && endless.status === 'open'; i++) endless.send(Buffer.alloc(16 * 1024));
  await until('what has no end, too', () => endless.status !== 'open');
  await until('who says nothing is hung up on', () => silent.status !== 'open');
  const other = await startNode(t, { through: [node] });
  await until('others are answered', () => found(other, idOf(node)) !== undefined);
});

test('a node asks a peer that never answers, or answers without end, and learns from the next', async (t) => {
  const node = await startNode(t);
  const answers = { silent: 0, endless: 0 };
  const silent = await RawPeer.connect(t, node);
  const endless = await RawPeer.connect(t, node);
  await silent.handle(NODES_PROTOCOL, () => {
    answers.silent += 1;
  });
  await endless.handle(NODES_PROTOCOL, (stream) => {
    answers.endless += 1;
    const flood = (): void => {
      if (stream.status !== 'open') return;
      stream.send(Buffer.alloc(64 * 1024, 1));
      setTimeout(flood, 5);
    };
    stream.send(Buffer.from([0xff, 0xff, 0xff, 0x7f]));
    flood();
  });
  // a node asks when it has heard what a peer speaks
  await silent.reconnect();
  await endless.reconnect();
  await until('both were asked', () => answers.silent > 0 && answers.endless > 0);
  const source = await startNode(t);
  const known = authorNumber(1);
  const teller = await RawPeer.connect(t, source);
  teller.announce(announcementAt(Date.now(), known, nowhere(1)));
  await until('the source knows', () => found(source, peerIdOf(known)) !== undefined);
  await node.connect(tcpAddress(source));
  await until('the node has asked the source', () => found(node, peerIdOf(known)) !== undefined);
});

test('a node that stops is believed in until its announcement ends', async (t) => {
  const first = await startNode(t);
  const second = await startNode(t, { through: [first] });
  const id = idOf(second);
  await until('it is reached', () => found(first, id)?.reach === 'direct');
  await second.stop();
  await until('it is gone', () => first.status().peers === 0);
  const view = found(first, id);
  assert.ok(view !== undefined && view.lastSeen > 0 && view.lastSeen <= Date.now());
  const stopped = Date.now();
  await until('time goes by', () => Date.now() > stopped + 10);
  assert.equal(found(first, id)?.lastSeen, view.lastSeen, 'and was not seen since');
});
