import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { Inbox, publish, startNode, tcpAddress } from '../support/node.ts';
import { maillon, scratch, until } from '../support/processes.ts';

/** A key file as IPFS's private networks use it. */
function keyFile(t: TestContext): string {
  const path = join(scratch(t), 'swarm.key');
  writeFileSync(path, `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString('hex')}\n`, {
    mode: 0o600,
  });
  return path;
}

/** Passes connections on to the port of `target` and keeps what goes through. */
async function tap(t: TestContext, target: MaillonNode): Promise<{ address: string; bytes: Buffer[] }> {
  const bytes: Buffer[] = [];
  const sockets: Socket[] = [];
  const port = Number(/\/tcp\/(\d+)/.exec(tcpAddress(target))?.[1]);
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from);
      from.on('data', (part: Buffer) => bytes.push(part)).on('error', () => undefined);
      from.on('close', () => to.destroy()).pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port: tapped } = server.address() as { port: number };
  return { address: `/ip4/127.0.0.1/tcp/${tapped}/p2p/${target.status().peerId}`, bytes };
}

/** Plaintext of multistream-select and noise before encryption, on a network without a key. */
const NEGOTIATION = '/multistream/1.0.0';

test('nodes with one network key form a swarm, and nothing they send is readable', async (t) => {
  const settings = { 'network.keyFile': keyFile(t) };
  const first = await startNode(t, { settings });
  const line = await tap(t, first);
  const second = await startNode(t, { settings: { ...settings, bootstrap: [line.address] } });
  const third = await startNode(t, { settings, through: [first] });
  await until('all know each other', () => [first, second, third].every((node) => node.status().peers === 2));
  const inboxes = [first, third].map((node) => new Inbox(node, 'news'));
  await until('the message is heard', async () => {
    await publish(second, 'news', 'a secret of some length');
    return inboxes.every((inbox) => inbox.has('a secret of some length'));
  });
  const seen = Buffer.concat(line.bytes);
  assert.ok(seen.length > 1000, 'it went by way of the tap');
  for (const readable of [NEGOTIATION, '/noise', 'a secret of some length', 'maillon'])
    assert.ok(!seen.includes(readable), readable);
});

test('the same tap reads the negotiation of nodes without a key', async (t) => {
  const first = await startNode(t);
  const line = await tap(t, first);
  const second = await startNode(t, { settings: { bootstrap: [line.address] } });
  await until('they are connected', () => second.status().peers === 1);
  assert.ok(Buffer.concat(line.bytes).includes(NEGOTIATION));
});

test('who has no key or another one does not get in, whoever dials', async (t) => {
  const insiders = { 'network.keyFile': keyFile(t) };
  const inside = await startNode(t, { settings: insiders });
  const [keyless, stranger, friend] = await Promise.all([
    startNode(t, { through: [inside] }),
    startNode(t, { settings: { 'network.keyFile': keyFile(t) }, through: [inside] }),
    startNode(t, { settings: insiders, through: [inside] }),
  ]);
  await until('who has the key is in', () => friend.status().peers === 1);

  const outsiders = [keyless, stranger];
  await Promise.all(
    outsiders.flatMap((outside) => [
      assert.rejects(outside.connect(tcpAddress(inside)), { code: 'dial_failed' }),
      assert.rejects(inside.connect(tcpAddress(outside)), { code: 'dial_failed' }),
    ]),
  );
  assert.deepEqual(
    outsiders.map((node) => node.status().peers),
    [0, 0],
  );
  assert.equal(inside.status().peers, 1);
});

test('the insiders count who was refused at the door', async (t) => {
  const ports = ['tcp', 'ws', 'quic'].flatMap((name) => [`--listen-${name}`, '0']);
  const flags = ['--listen-host', '127.0.0.1', '--gateway-port', '0', '--admin-port', '0', ...ports];
  const inside = maillon(t, [
    'node',
    '--json',
    '--data',
    scratch(t),
    '--network-key-file',
    keyFile(t),
    ...flags,
  ]);
  const { admin, multiaddrs } = JSON.parse(await inside.firstLine()) as {
    admin: string;
    multiaddrs: string[];
  };
  const refused = async (): Promise<number> => {
    const scraped = await (await fetch(`${admin}/metrics`)).text();
    const [, count = '0'] =
      /^libp2p_connection_manager_dials_inbound_errors_total\{.*\} (\d+)$/m.exec(scraped) ?? [];
    return Number(count);
  };
  assert.equal(await refused(), 0);
  const outside = await startNode(t, { settings: { bootstrap: multiaddrs.slice(0, 1) } });
  await until('it is counted', async () => (await refused()) > 0);
  assert.equal(outside.status().peers, 0);
});

test('a key file that others can read, or that is none, is refused with what to do', async (t) => {
  const open = keyFile(t);
  chmodSync(open, 0o644);
  await assert.rejects(startNode(t, { settings: { 'network.keyFile': open } }), /chmod 600/);
  const wrong = join(scratch(t), 'swarm.key');
  writeFileSync(wrong, 'not a key\n', { mode: 0o600 });
  await assert.rejects(startNode(t, { settings: { 'network.keyFile': wrong } }), { code: 'bad_swarm_key' });
});
