/** Machines in one network or in several, that joined by invite or belong to others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Machine } from '../support/machine.ts';
import { copies, listed, put, readable, tryOn } from '../support/machines.ts';
import { canUseNamespaces, Topology } from '../support/namespaces.ts';
import { until } from '../support/processes.ts';

const skip = canUseNamespaces() ?? false;

describe('machines that joined by invite hear each other, and keep what was stored whichever is lost', {
  skip,
}, () => {
  test('two in one /24', async (t) => {
    const segment = new Topology(t).segment();
    await tryOn(t, [{ host: segment.host('a') }, { host: segment.host('b') }]);
  });

  test('three in three /24', async (t) => {
    const net = new Topology(t);
    await tryOn(t, [{ host: net.host('a') }, { host: net.host('b') }, { host: net.host('c') }]);
  });
});

test('an invite names the address of a network that came up after the node had started', {
  skip,
}, async (t) => {
  const host = new Topology(t).host('a');
  host.setLink(false);
  const machine = new Machine(t, { host });
  await machine.start();
  host.setLink(true);
  await until('the invite leads to this machine', async () => {
    const { addresses } = await machine.ask('invite');
    return addresses.includes(`/ip4/${host.address}/tcp/4411`);
  });
});

test('a node of another owner takes nothing from what was promised, and neither does its loss', {
  skip,
}, async (t) => {
  const segment = new Topology(t).segment();
  const host = segment.host('a');
  const [own, other] = [new Machine(t, { host }), new Machine(t, { host: segment.host('b') })];
  const { peerId, port } = await own.start();
  const keys = ['before', 'two', 'three'];
  for (const key of keys) await put(own, key);
  const { program } = await other.start(['--bootstrap', `/ip4/${host.address}/tcp/${port}/p2p/${peerId}`]);
  await until('each counts the other', async () => {
    return (
      (await own.ask('storage', 'status')).members === 2 &&
      (await other.ask('storage', 'status')).members === 2
    );
  });
  assert.deepEqual(
    await copies(own, keys),
    keys.map(() => [peerId]),
  );
  await listed(own, keys);
  await program.end('SIGKILL');
  await until('it knows of the loss', async () => (await own.status()).peers === 0);
  assert.deepEqual(
    await copies(own, keys),
    keys.map(() => [peerId]),
  );
  await readable([own], keys);
  keys.push('four');
  await put(own, 'four');
  await listed(own, keys);
});
