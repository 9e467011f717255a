import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Connection, PeerId, Startable, Topology } from '@libp2p/interface';
import { PunchRetries } from '../../../../node/network/hole-punch.ts';

const PEER = 'peer' as unknown as PeerId;

function connection(limits: object | undefined): Connection {
  const open = { status: 'open', remotePeer: PEER, limits, timeline: { open: Date.now() } };
  return open as unknown as Connection;
}

/** The library's service as far as it is used: it registers a topology when it starts. */
async function begin(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 });
  const connections: Connection[] = [];
  let topology: Topology | undefined;
  let attempts = 0;
  const retries = new PunchRetries({
    registrar: {
      register: async (_: string, given: Topology) => {
        topology = given;
        return 'id';
      },
    } as never,
    connectionManager: { getConnections: () => connections } as never,
  });
  const service: Startable = {
    start: async () => {
      await retries.registrar.register('/libp2p/dcutr', { onConnect: () => void (attempts += 1) });
    },
    stop: () => undefined,
  };
  const running = retries.runWith(service);
  await running.start();
  const meet = (met: Connection): void => {
    connections.push(met);
    void topology?.onConnect?.(PEER, met);
  };
  return { running, connections, meet, attempts: () => attempts };
}

test('two that meet through a relay alone try again until they meet directly', async (t) => {
  const { meet, attempts, connections } = await begin(t);
  meet(connection({ seconds: 120 }));
  assert.equal(attempts(), 1);
  t.mock.timers.tick(20_000);
  t.mock.timers.tick(20_000);
  assert.equal(attempts(), 3);
  connections.push(connection(undefined));
  t.mock.timers.tick(20_000);
  assert.equal(attempts(), 3);
});

test('nobody tries again who meets directly, whose relayed connection has ended, or once it is stopped', async (t) => {
  const { meet, attempts, connections, running } = await begin(t);
  meet(connection(undefined));
  t.mock.timers.tick(20_000);
  assert.equal(attempts(), 1);
  connections.length = 0;
  const relayed = connection({ seconds: 120 });
  meet(relayed);
  Object.assign(relayed, { status: 'closed' });
  t.mock.timers.tick(40_000);
  assert.equal(attempts(), 2);
  meet(connection({ seconds: 120 }));
  await running.stop();
  t.mock.timers.tick(40_000);
  assert.equal(attempts(), 3);
});
