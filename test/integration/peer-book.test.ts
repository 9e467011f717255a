import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decode } from '@ipld/dag-cbor';
import { Inbox, publish, startNode, tcpAddress } from '../support/node.ts';
import { maillon, scratch, until } from '../support/processes.ts';

/** The peers in the book of a data directory; none while there is no file. */
function book(data: string): string[] {
  try {
    const [, entries] = decode<[number, [string][]]>(readFileSync(join(data, 'peers')));
    return entries.map(([id]) => id);
  } catch {
    return [];
  }
}

test('a node that starts again finds its swarm when every bootstrap peer is gone', async (t) => {
  const data = scratch(t);
  const bootstrap = await startNode(t);
  const others = [await startNode(t, { through: [bootstrap] }), await startNode(t, { through: [bootstrap] })];
  const named = tcpAddress(bootstrap);
  const before = await startNode(t, { data, through: [bootstrap] });
  const ids = others.map((node) => node.status().peerId);
  await until('it has dialled the others, too', () => before.status().peers === 3);
  await until('and remembers one of them', () => ids.some((id) => book(data).includes(id)));
  assert.equal(statSync(join(data, 'peers')).mode & 0o777, 0o600);
  await before.stop();
  await bootstrap.stop();
  const again = await startNode(t, { data, settings: { bootstrap: [named] } });
  assert.ok(
    again.status().mesh.every((size) => size > 0),
    'it is meshed when it has started',
  );
  const inbox = new Inbox(others[1] ?? again, 'hello');
  await publish(again, 'hello', 'back again');
  await until('others hear it', () => inbox.has('back again'));
  await until('it finds them all', () => again.status().peers === 2);
  await again.stop();
});

test('a node without any bootstrap peer set finds back by its book alone', async (t) => {
  const data = scratch(t);
  const other = await startNode(t);
  const first = await startNode(t, { data, through: [other] });
  await first.stop();
  assert.deepEqual(book(data), [other.status().peerId]);
  const again = await startNode(t, { data });
  assert.equal(again.status().peers, 1, 'it waited for it');
  await again.stop();
});

test('a process that is killed soon after its start finds back', async (t) => {
  const data = scratch(t);
  const other = await startNode(t);
  const listen = [
    '--listen-host',
    '127.0.0.1',
    '--listen-tcp',
    '0',
    '--listen-ws',
    '0',
    '--listen-quic',
    '0',
  ];
  const args = ['--data', data, ...listen, '--gateway-port', '0', '--admin-port', '0'];
  const first = maillon(t, ['node', ...args, '--bootstrap', tcpAddress(other)]);
  await until('it is there', () => other.status().peers === 1);
  await until('it remembers', () => book(data).includes(other.status().peerId));
  await first.end('SIGKILL');
  await until('it is gone', () => other.status().peers === 0);
  maillon(t, ['node', ...args]);
  await until('it is back', () => other.status().peers === 1);
});

for (const [what, bytes] of Object.entries({
  torn: Buffer.from('8201', 'hex'),
  empty: Buffer.alloc(0),
  foreign: Buffer.from('a peer book of something else'),
  'of a later version': Buffer.from('820280', 'hex'),
  'with an entry that is none': Buffer.from('82018184613161326133f6', 'hex'),
  'with an address that is none': Buffer.from('8201818461618163782f780000', 'hex'),
  'far too large': Buffer.alloc(4 * 1024 * 1024, 0x80),
})) {
  test(`a book that is ${what} does not keep a node from starting`, async (t) => {
    const data = scratch(t);
    writeFileSync(join(data, 'peers'), bytes);
    const other = await startNode(t);
    const node = await startNode(t, { data, through: [other] });
    assert.equal(node.status().peers, 1);
    await node.stop();
    assert.deepEqual(book(data), [other.status().peerId], 'it is a good one again');
  });
}
