import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULTS } from '../../node/config/schema.ts';
import type { MaillonNode } from '../../node/index.ts';
import { capabilitiesOf } from '../../node/network/capabilities.ts';
import { loadOptional } from '../../node/network/optional.ts';
import { Inbox, publish, startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';

/** Why QUIC is not there, or false. */
async function withoutQuic(): Promise<string | false> {
  let reason: string | false = false;
  await loadOptional(capabilitiesOf(DEFAULTS, 'full'), (_, error) => {
    reason = `the native package of QUIC does not load here: ${String(error)}`;
  });
  return reason;
}

test('two nodes that share nothing but QUIC meet and relay', { skip: await withoutQuic() }, async (t) => {
  const first = await startNode(t, { settings: { 'network.quic': true } });
  const address = first.status().addresses.find((one) => one.includes('/quic-v1/'));
  assert.ok(address, 'it listens on QUIC');
  const second = await startNode(t, { settings: { 'network.quic': true, bootstrap: [address] } });
  const inbox = new Inbox(second, 'news');
  await until('it is there', async () => {
    await publish(first, 'news', 'over QUIC');
    return inbox.has('over QUIC');
  });
  const [peer] = await second.peers();
  assert.ok(peer?.connected);
});

test('a node without bootstrap peers finds one on its network by mDNS', async (t) => {
  const settings = { 'network.mdns': true, 'listen.host': '0.0.0.0' };
  const first = await startNode(t, { settings });
  const second = await startNode(t, { settings });
  await until('they met', () => first.status().peers === 1 && second.status().peers === 1);
});

/**
 * Waits until the other side hangs up. A refused peer may see a connection for a moment: its identity is known only after the
 * handshake.
 */
async function isHungUp(node: MaillonNode, address: string): Promise<void> {
  await node.connect(address).catch(() => undefined);
  await until('it hung up', () => node.status().peers === 0);
}

test('who is on the deny list is neither let in nor dialled; an allow list lets in its own', async (t) => {
  const first = await startNode(t);
  const id = first.status().peerId;
  const closed = await startNode(t, { settings: { 'connections.deny': [id] } });
  const [address = ''] = closed.status().addresses;
  await isHungUp(first, address);
  const [ownAddress = ''] = first.status().addresses;
  await assert.rejects(closed.connect(ownAddress), { code: 'dial_failed' });
  assert.deepEqual([first.status().peers, closed.status().peers], [0, 0]);

  const choosy = await startNode(t, { settings: { 'connections.allow': [id] } });
  const [choosyAddress = ''] = choosy.status().addresses;
  await isHungUp(closed, choosyAddress);
  await first.connect(choosyAddress);
  await until('the allowed one is in', () => choosy.status().peers === 1);
});
