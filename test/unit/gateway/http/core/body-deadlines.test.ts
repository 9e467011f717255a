import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { BodyDeadlines } from '../../../../../gateway/http/core/body-deadlines.ts';
import { until } from '../../../../support/processes.ts';

const TIMEOUT_MS = 1_000;

/** A server whose requests nobody answers, and a clock that a test turns. */
async function serve(t: TestContext, handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const time = { now: 0 };
  const deadlines = new BodyDeadlines({ timeoutMs: TIMEOUT_MS, now: () => time.now });
  let requests = 0;
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    deadlines.begin(request, response);
    handle(request, response);
    requests += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const send = async (text: string) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    socket.on('error', () => undefined);
    const before = requests;
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\n${text}`);
    await until('the request is there', () => requests > before);
    return { socket, closed: once(socket, 'close').then(() => answer) };
  };
  return { time, deadlines, send };
}

test('a body that does not come in time is given up; one that has none, or is there, is not', async (t) => {
  const { time, deadlines, send } = await serve(t, (request) => void request.resume());
  const late = await send('Content-Length: 10\r\n\r\nhalf');
  const chunked = await send('Transfer-Encoding: chunked\r\n\r\n');
  const none = await send('\r\n');
  const whole = await send('Content-Length: 2\r\n\r\nhi');
  deadlines.sweep();
  time.now = TIMEOUT_MS + 1;
  deadlines.sweep();
  for (const { closed } of [late, chunked]) {
    assert.match(await closed, /^HTTP\/1.1 408 [^]*"code":"request_timeout"/);
  }
  for (const { socket } of [none, whole]) assert.equal(socket.closed, false);
});

test('what is lifted may take its time; what is thrown away has a time of its own', async (t) => {
  const requests: [IncomingMessage, ServerResponse][] = [];
  const { time, deadlines, send } = await serve(t, (request, response) => requests.push([request, response]));
  const { socket, closed } = await send('Content-Length: 10\r\n\r\n');
  const [request, response] = requests[0] ?? [];
  assert.ok(request !== undefined && response !== undefined);
  deadlines.lift(request);
  time.now = 10 * TIMEOUT_MS;
  deadlines.sweep();
  assert.equal(socket.closed, false);
  response.writeHead(412, { 'content-length': '0' }).end();
  deadlines.discard(request, response);
  deadlines.sweep();
  assert.equal(socket.closed, false);
  time.now = 11 * TIMEOUT_MS + 1;
  deadlines.sweep();
  assert.match(await closed, /^HTTP\/1.1 412 /, 'it has its answer, and no other');
});
