import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import { openDirectly, openThroughProxy } from '../../../../node/network/dial.ts';
import { until } from '../../../support/processes.ts';

async function server(t: TestContext, port = 0, reusePort = false): Promise<Server & { sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const made = Object.assign(
    createServer((socket) => {
      socket.on('error', () => undefined);
      sockets.push(socket);
    }),
    { sockets },
  );
  made.listen({ port, host: '127.0.0.1', reusePort });
  await once(made, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    made.close();
  });
  return made;
}

function portOf(made: Server): number {
  return (made.address() as AddressInfo).port;
}

const never = new AbortController().signal;

test('a dial goes out from the port that is listened on, and from another when that one is taken', async (t) => {
  const target = await server(t);
  const own = await server(t, 0, true);
  const fromSwarmPort: string[] = [];
  const open = openDirectly(
    () => portOf(own),
    (address) => fromSwarmPort.push(address.toString()),
  );
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(target)}`);
  const first = await open(address, never);
  const second = await open(address, never);
  t.after(() => {
    first.destroy();
    second.destroy();
  });
  assert.equal(first.localPort, portOf(own));
  assert.notEqual(second.localPort, portOf(own));
  assert.deepEqual(fromSwarmPort, [address.toString()], 'only the first is one from the swarm port');
  await until('both arrived', () => target.sockets.length === 2);
});

test('a refusal and an abort are told, and leave no socket behind', async (t) => {
  const gone = await server(t);
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(gone)}`);
  gone.close();
  await once(gone, 'close');
  const open = openDirectly(
    () => null,
    () => undefined,
  );
  await assert.rejects(open(address, never), { code: 'ECONNREFUSED' });
  await assert.rejects(open(address, AbortSignal.abort(new Error('given up'))), /given up/);
});

test('a proxy that never answers is given up, and its socket closed', async (t) => {
  const mute = await server(t);
  mute.on('connection', (socket: Socket) => socket.resume());
  const open = openThroughProxy(`socks5://127.0.0.1:${portOf(mute)}`, 200);
  await assert.rejects(open(multiaddr('/ip4/192.0.2.1/tcp/4411'), never), /timed out/i);
  await until('it hung up', () => mute.sockets.every((socket) => socket.readableEnded || socket.destroyed));
});

test('a proxy that refuses is told as what it is', async (t) => {
  const refusing = await server(t);
  refusing.on('connection', (socket: Socket) => {
    socket.once('data', () => {
      socket.write(Buffer.of(5, 0));
      socket.once('data', () => socket.write(Buffer.of(5, 2, 0, 1, 0, 0, 0, 0, 0, 0)));
    });
  });
  const open = openThroughProxy(`socks5://127.0.0.1:${portOf(refusing)}`, 5000);
  await assert.rejects(open(multiaddr('/ip4/192.0.2.1/tcp/4411'), never), /NotAllowed/);
});
