/** Obstacles between the command line and a gateway: each error names its cause and the next step, in one line. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { diagnose } from '../../gateway/cli/core/unreachable.ts';
import { makeCertificate } from '../support/certificates.ts';
import { maillon, scratch, until } from '../support/processes.ts';

interface Said {
  readonly code: string;
  readonly cause: string;
  readonly error: string;
  readonly next: string;
}

async function said(t: TestContext, url: string, ...args: string[]): Promise<Said> {
  const command = args.length > 0 ? args : ['status'];
  const program = maillon(t, [...command, '--json', '--url', url], { env: { HOME: scratch(t) } });
  assert.equal(await program.exit, 1, program.stderr);
  assert.equal(program.stderr.trimEnd().split('\n').length, 1, program.stderr);
  return JSON.parse(program.stderr) as Said;
}

async function listening(t: TestContext, server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A port at which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function tlsServer(
  t: TestContext,
  options: { hasEnded?: boolean } = {},
): Promise<{ port: number; cert: string }> {
  const { cert, key } = makeCertificate(scratch(t), 'gateway', options);
  const server = createHttps({ cert: readFileSync(cert), key: readFileSync(key) }, (_request, response) =>
    response.end('{}'),
  );
  return { port: await listening(t, server, '0.0.0.0'), cert };
}

test('a connection that is refused, and a name that is not found', async (t) => {
  const port = await freePort();
  const refused = await said(t, `http://127.0.0.1:${port}`);
  assert.deepEqual([refused.code, refused.cause], ['unreachable', 'refused']);
  assert.equal(refused.error, `nothing listens at 127.0.0.1:${port}: the connection was refused`);
  assert.match(refused.next, /npm start.*--url/);
  const unnamed = await said(t, 'http://no-such-host.invalid:8080');
  // a machine without a name server says the other
  assert.match(unnamed.cause, /^name_(not_found|server)$/);
  assert.match(unnamed.error, /no-such-host\.invalid/);
  assert.equal((await said(t, 'http://127.0.0.1:1')).cause, 'port_blocked');
});

test('a stream says the same as a request does', async (t) => {
  assert.equal((await said(t, `http://127.0.0.1:${await freePort()}`, 'sub', 'news')).cause, 'refused');
});

test('a certificate that is self-signed, for another name, or over', async (t) => {
  const { port, cert } = await tlsServer(t);
  const untrusted = await said(t, `https://127.0.0.1:${port}`);
  assert.equal(untrusted.cause, 'tls_self_signed');
  assert.match(untrusted.next, /NODE_EXTRA_CA_CERTS/);

  const env = { HOME: scratch(t), NODE_EXTRA_CA_CERTS: cert };
  const elsewhere = maillon(t, ['status', '--url', `https://127.0.0.2:${port}`], { env });
  await elsewhere.exit;
  assert.match(elsewhere.stderr, /is for localhost, 127\.0\.0\.1, not for 127\.0\.0\.2/);
  assert.match(elsewhere.stderr, new RegExp(`--url https://localhost:${port}`));

  const over = await tlsServer(t, { hasEnded: true });
  const late = maillon(t, ['status', '--url', `https://127.0.0.1:${over.port}`], {
    env: { ...env, NODE_EXTRA_CA_CERTS: over.cert },
  });
  await late.exit;
  assert.match(late.stderr, /certificate of 127\.0\.0\.1:\d+ has expired \(renew it/);
});

test('TLS where there is none, and none where there is', async (t) => {
  const { port } = await tlsServer(t);
  const plain = await said(t, `http://127.0.0.1:${port}`);
  assert.equal(plain.cause, 'tls_expected');
  assert.match(plain.next, new RegExp(`--url https://127\\.0\\.0\\.1:${port}`));

  const http = createHttp((_request, response) => response.end('{}'));
  const plainPort = await listening(t, http);
  const tls = await said(t, `https://127.0.0.1:${plainPort}`);
  assert.equal(tls.cause, 'tls_missing');
  assert.match(tls.next, new RegExp(`--url http://127\\.0\\.0\\.1:${plainPort}`));
});

test('what answers is no gateway: another web server, or no HTTP', async (t) => {
  for (const body of ['<html>hi</html>', '{"ok":true}', '[]']) {
    const port = await listening(
      t,
      createHttp((_request, response) => response.end(body)),
    );
    const foreign = await said(t, `http://127.0.0.1:${port}`);
    assert.deepEqual([foreign.code, foreign.cause], ['bad_answer', 'not_maillon'], body);
    assert.match(foreign.next, /first line that maillon node prints/);
  }
  const ssh = createServer((socket) => {
    socket.on('error', () => undefined).end('SSH-2.0-other\r\n');
  });
  assert.equal((await said(t, `http://127.0.0.1:${await listening(t, ssh)}`)).cause, 'not_http');
  const silent = createServer((socket) => socket.on('error', () => undefined).destroy());
  assert.equal((await said(t, `http://127.0.0.1:${await listening(t, silent)}`)).cause, 'closed');
});

test('what does not answer in time is said to be late, and where to look', async (t) => {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  const url = `http://127.0.0.1:${await listening(t, server)}`;
  const late = await fetch(url, { signal: AbortSignal.timeout(200) }).catch((error: unknown) => error);
  const { cause, next } = await diagnose({ url, option: '--url' }, late);
  assert.equal(cause, 'timeout');
  assert.match(next, /firewall/);
  t.after(() => server.unref());
});

test('a gateway that is watched and goes says why, every second', async (t) => {
  const watch = maillon(t, ['status', '--watch', '--json', '--url', `http://127.0.0.1:${await freePort()}`], {
    env: { HOME: scratch(t) },
  });
  await until('two readings', () => watch.stdout.split('\n').length > 2);
  const [line = ''] = watch.stdout.split('\n');
  assert.equal((JSON.parse(line) as Said).cause, 'refused');
  assert.equal((await watch.end('SIGINT')).exit, 0);
});

test('the admin listener is named by its own option', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const program = maillon(t, ['storage', 'scrub', '--admin', url], { env: { HOME: scratch(t) } });
  assert.equal(await program.exit, 1);
  assert.match(program.stderr, /nothing listens at 127\.0\.0\.1:\d+.*--admin/);
});
