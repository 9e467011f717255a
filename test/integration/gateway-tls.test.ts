import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import type { Config } from '../../node/index.ts';
import { type CertificateFiles, makeCertificate } from '../support/certificates.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

function settingsOf({ cert, key }: CertificateFiles) {
  return { 'gateway.tls.cert': cert, 'gateway.tls.key': key };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request by a client that trusts this certificate and no other. */
async function get(url: string, path: string, cert: string, host = 'localhost'): Promise<Answer> {
  const { port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options = { host: '127.0.0.1', port, path, ca: readFileSync(cert), servername: 'localhost' };
  request({ ...options, headers: { host }, agent: false }, (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    );
  })
    .on('error', reject)
    .end();
  return promise;
}

/** Common name of the certificate that a client is shown. */
async function shown(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket: TLSSocket = connectTls(
    { host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false },
    () => {
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      resolve([subject.CN].flat().join());
    },
  );
  socket.on('error', reject);
  return promise;
}

test('with a certificate it speaks TLS: HTTP, WebSocket and SSE', async (t) => {
  const files = makeCertificate(scratch(t), 'gateway');
  await using site = await startSite({ settings: settingsOf(files) });
  assert.match(site.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await get(site.url, '/readyz', files.cert)).status, 200);

  const url = `${site.url.replace('https:', 'wss:')}/v1/pubsub/ws?topic=a`;
  const socket = new WebSocket(url, [], { ca: readFileSync(files.cert) });
  const echoed = new Promise<string>((resolve, reject) => {
    socket.on('message', (data: Buffer) => resolve(data.toString()));
    socket.on('error', reject);
  });
  socket.on('open', () => socket.send('hello'));
  assert.equal(await echoed, 'hello');
  socket.terminate();
});

test('plain HTTP and TLS below 1.2 get nothing, and nothing is left of them', async (t) => {
  const files = makeCertificate(scratch(t), 'gateway');
  await using site = await startSite({ settings: settingsOf(files) });
  const port = Number(new URL(site.url).port);
  const plain = connect(port, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  // resolves only once the gateway has closed its side
  assert.doesNotMatch(await text(plain), /200/);
  const old = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.1' });
  await assert.rejects(
    new Promise((resolve, reject) => {
      old.on('secureConnect', resolve);
      old.on('error', reject);
    }),
    { code: /ERR_SSL_|ECONNRESET/ },
  );
  assert.equal((await get(site.url, '/livez', files.cert)).status, 200);
});

test('security headers are on every answer; HSTS with TLS only, and not for loopback names', async (t) => {
  const files = makeCertificate(scratch(t), 'gateway');
  const settings: Partial<Config> = { 'gateway.allowedHosts': ['gw.example'], 'gateway.auth': 'required' };
  await using secure = await startSite({ settings: { ...settings, ...settingsOf(files) } });
  await using plain = await startSite({ settings });
  for (const path of ['/', '/v1/info', '/nowhere', '/v1/pubsub/ws', '/v1/kv/%FF']) {
    const { headers } = await get(secure.url, path, files.cert, 'gw.example');
    assert.equal(headers['strict-transport-security'], 'max-age=31536000', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['x-frame-options'], 'DENY', path);
    assert.match(String(headers['content-security-policy']), /default-src 'none'/, path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
  }
  const local = await get(secure.url, '/livez', files.cert);
  assert.equal(local.headers['strict-transport-security'], undefined);
  const response = await fetch(`${plain.url}/livez`);
  assert.equal(response.headers.get('strict-transport-security'), null);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('files that cannot be used are refused at start, each with what is wrong', async (t) => {
  const directory = scratch(t);
  const good = makeCertificate(directory, 'good');
  const other = makeCertificate(directory, 'other');
  const nonsense = join(directory, 'nonsense');
  writeFileSync(nonsense, 'not a PEM', { mode: 0o600 });
  const open = join(directory, 'open.key');
  copyFileSync(good.key, open);
  chmodSync(open, 0o640);
  const cases: readonly [CertificateFiles, RegExp][] = [
    [
      { ...good, cert: join(directory, 'absent') },
      /gateway\.tls\.cert .*absent: it cannot be read \(ENOENT\)/,
    ],
    [{ ...good, key: join(directory, 'absent') }, /gateway\.tls\.key .*absent: there is no such file/],
    [{ ...good, cert: nonsense }, /gateway\.tls\.cert .*holds no certificate in PEM/],
    [{ ...good, key: nonsense }, /gateway\.tls\.key .*holds no private key in PEM/],
    [{ ...good, key: other.key }, /gateway\.tls\.key .*not the key of the certificate/],
    [{ ...good, key: open }, /gateway\.tls\.key .*chmod 600/],
    [{ ...good, cert: directory }, /gateway\.tls\.cert .*cannot be read \(EISDIR\)/],
  ];
  for (const [files, message] of cases) {
    await assert.rejects(startSite({ settings: settingsOf(files) }), { code: 'bad_tls', message });
  }
});

test('a renewed certificate is shown soon, a broken one never; open connections stay', async (t) => {
  const directory = scratch(t);
  const files = makeCertificate(directory, 'now', { commonName: 'first' });
  await using site = await startSite({ settings: settingsOf(files) });
  assert.equal(await shown(site.url), 'first');
  const next = makeCertificate(directory, 'next', { commonName: 'second' });
  // the certificate first, as a careless script would: for a moment the key does not fit
  renameSync(next.cert, files.cert);
  await until('it says so', () => logged(site, 'the former ones stay in use'));
  assert.equal(await shown(site.url), 'first');
  renameSync(next.key, files.key);
  await until('the new one is shown', async () => (await shown(site.url)) === 'second');
  rmSync(files.cert);
  site.gateway.reload();
  assert.equal(await shown(site.url), 'second');
  const secret = readFileSync(files.key, 'utf8').split('\n')[1] ?? '';
  assert.ok(secret.length > 20 && !site.log.join('').includes(secret));
});

test('a certificate that has ended is said in the log', async (t) => {
  const files = makeCertificate(scratch(t), 'old', { hasEnded: true });
  await using site = await startSite({ settings: settingsOf(files) });
  assert.ok(logged(site, 'not valid now'));
});

test('SIGHUP reads the certificate again, and stops a process without TLS as before', async (t: TestContext) => {
  const directory = scratch(t);
  const files = makeCertificate(directory, 'now', { commonName: 'first' });
  const args = ['node', '--json', '--data', scratch(t), '--listen-host', '127.0.0.1', '--no-admin-enabled'];
  const ports = ['--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic', '--gateway-port', '0'];
  const tls = ['--gateway-tls-cert', files.cert, '--gateway-tls-key', files.key];
  const program = maillon(t, [...args, ...ports, ...tls]);
  const { url } = JSON.parse(await program.firstLine()) as { url: string };
  assert.match(url, /^https:/);
  assert.equal(await shown(url), 'first');
  const next = makeCertificate(directory, 'next', { commonName: 'second' });
  renameSync(next.key, files.key);
  renameSync(next.cert, files.cert);
  program.process.kill('SIGHUP');
  await until('the new one is shown', async () => (await shown(url)) === 'second');
  assert.equal((await program.end('SIGTERM')).exit, 0);
});

function logged(site: Site, what: string): boolean {
  return site.log.some((line) => line.includes(what));
}
