import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { TRANSFER_WINDOW_MS } from '../../../../../gateway/core/limits.ts';
import { StreamedBody } from '../../../../../gateway/http/core/streamed-body.ts';
import { until } from '../../../../support/processes.ts';

/** A request whose body comes as the test writes it. */
async function incoming(t: TestContext): Promise<{ source: IncomingMessage; socket: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  const [source] = (await once(server, 'request')) as [IncomingMessage];
  return { source, socket };
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** Text read of a body, and how it ends. */
function taking(body: AsyncIterable<Uint8Array>) {
  const taken = { text: '' };
  const ended = (async () => {
    for await (const piece of body) taken.text += Buffer.from(piece).toString();
    return null;
  })().catch((error: unknown) => error as { code: string });
  return { taken, ended };
}

test('a body that stands still is given up, and its connection lasts for the answer', async (t) => {
  const { source, socket } = await incoming(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const body = new StreamedBody(source, { first: [Buffer.from('first ')], limit: 100 });
  const { taken, ended } = taking(body);
  socket.write(chunk('second'));
  // no timer of this test's own: the clock stands
  while (taken.text !== 'first second') await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(TRANSFER_WINDOW_MS);
  assert.equal((await ended)?.code, 'request_timeout');
  assert.deepEqual([source.destroyed, socket.destroyed], [false, false]);
  assert.equal(body.size, 12);
});

test('a body that is cut off, or has too much, is none', async (t) => {
  const cut = await incoming(t);
  const first = taking(new StreamedBody(cut.source, { first: [], limit: 100 }));
  cut.socket.write(chunk('half'));
  await until('it came', () => first.taken.text === 'half');
  cut.socket.resetAndDestroy();
  assert.equal((await first.ended)?.code, 'bad_request');

  const long = await incoming(t);
  const second = taking(new StreamedBody(long.source, { first: [], limit: 3 }));
  long.socket.write(chunk('four'));
  assert.equal((await second.ended)?.code, 'too_large');
});

test('a body is taken to its end, once; a signal ends that, also while nothing comes', async (t) => {
  const whole = await incoming(t);
  const body = new StreamedBody(whole.source, { first: [], limit: 100 });
  let isBegun = false;
  body.beforeRead(() => {
    isBegun = true;
  });
  assert.equal(isBegun, false);
  const { taken, ended } = taking(body);
  whole.socket.write(`${chunk('all')}0\r\n\r\n`);
  assert.equal(await ended, null);
  assert.deepEqual([taken.text, body.size, isBegun], ['all', 3, true]);
  await assert.rejects(body[Symbol.asyncIterator]().next(), /once/);

  const waiting = await incoming(t);
  const controller = new AbortController();
  const still = taking(new StreamedBody(waiting.source, { first: [], limit: 100 }).until(controller.signal));
  controller.abort(Object.assign(new Error('enough'), { code: 'enough' }));
  assert.equal((await still.ended)?.code, 'enough');
});
