import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { SOCKET_TABLE_MAX_BYTES } from '../../../../gateway/core/limits.ts';
import {
  isForeignListener,
  LINUX_SOCKET_TABLES,
  SocketOwners,
} from '../../../../gateway/protection/socket-owners.ts';
import { scratch } from '../../../support/processes.ts';

const own = process.geteuid?.() ?? -1;

async function listening(t: TestContext, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, host);
  t.after(() => server.close());
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

/** The end of a connection that the server has. */
async function accepted(t: TestContext, server: Server, port: number, host: string): Promise<Socket> {
  const client = connect(port, host);
  t.after(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.after(() => socket.destroy());
  return socket;
}

function ownerOf(owners: SocketOwners, socket: Socket): Promise<number | null> {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
  return owners.ownerOf(
    { address: remoteAddress, port: remotePort },
    { address: localAddress, port: localPort },
  );
}

describe('of a real connection', { skip: process.platform !== 'linux' && 'Linux lists sockets' }, () => {
  for (const [listen, dial] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::', '::ffff:127.0.0.1'],
    ['::1', '::1'],
  ] as const) {
    test(`from ${dial} to a server on ${listen} the user is found`, async (t) => {
      const { server, port } = await listening(t, listen);
      const socket = await accepted(t, server, port, dial);
      assert.equal(await ownerOf(new SocketOwners({ tables: LINUX_SOCKET_TABLES }), socket), own);
    });
  }

  test('many are found together, and none that is not there', async (t) => {
    const { server, port } = await listening(t, '127.0.0.1');
    const sockets: Socket[] = [];
    for (let n = 0; n < 50; n++) sockets.push(await accepted(t, server, port, '127.0.0.1'));
    const owners = new SocketOwners({ tables: LINUX_SOCKET_TABLES });
    const nobodys = { address: '127.0.0.1', port: 1 };
    const found = await Promise.all([
      ...sockets.map((socket) => ownerOf(owners, socket)),
      owners.ownerOf(nobodys, { address: '127.0.0.1', port }),
    ]);
    assert.deepEqual(found, [...sockets.map(() => own), null]);
  });

  test('a listener is foreign when it is of another user than the file', async (t) => {
    const file = join(scratch(t), 'file');
    writeFileSync(file, '');
    for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
      const { port } = await listening(t, host);
      assert.equal(await isForeignListener({ address: '127.0.0.1', port }, file), false, host);
      // root may listen for anybody
      if (own !== 0) assert.equal(await isForeignListener({ address: '127.0.0.1', port }, '/'), true, host);
    }
  });
});

function row(state: string, uid: number, inode: number, ends = '0100007F:C350 0100007F:1F90'): string {
  const user = String(uid).padStart(5);
  return `   7: ${ends} ${state} 00000000:00000000 00:00000000 00000000 ${user}        0 ${inode} 1 0000 20 4 30 10 -1\n`;
}

describe('in a table', { skip: endianness() !== 'LE' && 'the rows are of a little-endian machine' }, () => {
  const FROM = { address: '127.0.0.1', port: 0xc350 };
  const TO = { address: '127.0.0.1', port: 0x1f90 };
  const ownerIn = (t: TestContext, text: string): Promise<number | null> => {
    const table = join(scratch(t), 'tcp');
    writeFileSync(table, text);
    return new SocketOwners({ tables: ['/nonexistent', table] }).ownerOf(FROM, TO);
  };

  test('the row from the client to this server counts, and only while a program holds the socket', async (t) => {
    assert.equal(await ownerIn(t, row('01', 1000, 4711)), 1000);
    assert.equal(await ownerIn(t, row('05', 1000, 4711)), 1000, 'it has sent all, and reads');
    for (const [what, text] of [
      ['an orphan', row('05', 0, 0)],
      ['an orphan that looks connected', row('01', 0, 0)],
      ['TIME_WAIT', row('06', 0, 0)],
      ['SYN_SENT of whoever gets the port next', row('02', 0, 4711)],
      ['the other direction: this server itself', row('01', 0, 4711, '0100007F:1F90 0100007F:C350')],
      ['another port', row('01', 0, 4711, '0100007F:C351 0100007F:1F90')],
      ['nothing', ''],
      ['no table', 'x'.repeat(100)],
    ] as const) {
      assert.equal(await ownerIn(t, text), null, what);
    }
    assert.equal(await ownerIn(t, row('06', 0, 0) + row('01', 1000, 4711)), 1000);
    assert.equal(await ownerIn(t, row('01', 0, 4711)), 0);
  });

  test('no table is no answer', async () => {
    assert.equal(await new SocketOwners({ tables: ['/nonexistent'] }).ownerOf(FROM, TO), null);
    const elsewhere = { address: '192.0.2.1', port: 1 };
    assert.equal(
      await new SocketOwners({ tables: [] }).ownerOf(elsewhere, { address: '::1', port: 2 }),
      null,
    );
  });

  test('it is read to a limit', async (t) => {
    const other = row('01', 0, 4711, '0100007F:0001 0100007F:0002');
    const before = other.repeat(Math.ceil(SOCKET_TABLE_MAX_BYTES / other.length));
    assert.equal(await ownerIn(t, before.slice(0, other.length * 1000) + row('01', 1000, 4711)), 1000);
    assert.equal(await ownerIn(t, before + other.repeat(1000) + row('01', 1000, 4711)), null);
  });
});
