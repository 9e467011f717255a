import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { type AuditLine, parseLine } from '../../gateway/audit/index.ts';
import { AUTH_BODY_MAX_BYTES } from '../../gateway/auth/limits.ts';
import { maillon, type Program, scratch, until } from '../support/processes.ts';
import { type Finished, Shell } from '../support/shell.ts';
import { post, proofFor, signIn, signInSiwx, walletOf } from '../support/sign-in.ts';

interface Ready {
  readonly url: string;
  readonly admin: string | null;
}

function nodeArgs(data: string, ...more: readonly string[]): string[] {
  const swarm = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic'];
  return ['node', '--json', '--data', data, ...swarm, '--gateway-port', '0', '--admin-port', '0', ...more];
}

async function start(t: TestContext, data: string, ...more: string[]): Promise<Ready & { node: Program }> {
  const node = maillon(t, nodeArgs(data, ...more));
  return { node, ...(JSON.parse(await node.firstLine()) as Ready) };
}

function linesOf(data: string): AuditLine[] {
  const lines = readFileSync(join(data, 'audit/audit.log'), 'utf8').split('\n').slice(0, -1);
  return lines.map((text) => {
    const line = parseLine(text);
    assert.ok(line, text);
    return line;
  });
}

const shell = new Shell();
after(() => shell.end());

/** Runs `maillon` to its end. */
const run = (...args: readonly string[]): Promise<Finished> => shell.run(args);

/** A secret of the test: nothing may write it down. */
const TOKEN = 'correct-horse-battery-staple-0123456789';
const WRONG = 'wrong-horse-battery-staple-0123456789-x';

test('starting, stopping, notices and refused credentials are written down, and verified', async (t) => {
  const data = scratch(t);
  const tokenFile = join(data, 'admin.token');
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
  const proxied = ['--gateway-trusted-proxies', '127.0.0.1'];
  const { node, url, admin } = await start(t, data, '--admin-token-file', tokenFile, ...proxied);

  assert.equal((await run('keys', 'new', 'alice', '--data', data)).exit, 0);
  const created = await run('namespace', 'create', 'team', '--key', 'alice', '--data', data, '--url', url);
  assert.equal(created.exit, 0, created.stderr);
  const refused = await fetch(`${url}/v1/namespaces/notices`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: new Uint8Array([0xa0]),
  });
  assert.equal(refused.status, 400);
  const proxiedIn = await fetch(`${url}/v1/pubsub/topics`, {
    headers: { 'x-forwarded-for': '203.0.113.9, 192.0.2.7' },
  });
  assert.equal(proxiedIn.status, 401);
  const unauthorised = await fetch(`${admin}/metrics`, { headers: { authorization: `Bearer ${WRONG}` } });
  assert.equal(unauthorised.status, 401);
  const lines = await until('all of it is written', () => {
    const found = linesOf(data);
    return found.length === 5 && found;
  });

  const [started, notice, bad, stranger, credential] = lines;
  assert.deepEqual(
    [started?.event, started?.outcome, started?.detail?.['url']],
    ['gateway.start', 'ok', url],
  );
  assert.deepEqual(
    [notice?.event, notice?.outcome, notice?.address],
    ['namespace.notice', 'ok', '127.0.0.1'],
  );
  assert.match(notice?.actor ?? '', /^did:key:z6Mk/);
  assert.deepEqual([notice?.detail?.['kind'], notice?.detail?.['sequence']], ['policy', 1]);
  assert.deepEqual([bad?.event, bad?.outcome, bad?.address], ['namespace.notice', 'refused', '127.0.0.1']);
  assert.match(String(bad?.detail?.['code']), /^notice_/);
  assert.deepEqual([stranger?.event, stranger?.address], ['auth.credential', '192.0.2.7']);
  assert.deepEqual([credential?.event, credential?.outcome], ['admin.credential', 'refused']);
  assert.deepEqual(credential?.detail, { path: '/metrics', isMissing: false });

  const running = await run('audit', 'verify', '--data', data);
  assert.deepEqual(
    [running.exit, running.stdout.startsWith('sound: 5 lines in one file, 1 to 5')],
    [0, true],
  );
  assert.equal((await node.end('SIGTERM')).exit, 0);
  assert.equal(linesOf(data).at(-1)?.event, 'gateway.stop');
  const written = readFileSync(join(data, 'audit/audit.log'), 'utf8') + node.stderr + node.stdout;
  for (const secret of [TOKEN, WRONG]) assert.ok(!written.includes(secret));
  assert.equal(statSync(join(data, 'audit/audit.log')).mode & 0o777, 0o600);
});

test('after kill -9 the log goes on, and what was answered is in it', async (t) => {
  const data = scratch(t);
  const first = await start(t, data);
  assert.equal((await run('keys', 'new', 'alice', '--data', data)).exit, 0);
  for (const name of ['one', 'two', 'three']) {
    const args = ['namespace', 'create', name, '--key', 'alice', '--data', data, '--url', first.url];
    assert.equal((await run(...args)).exit, 0);
  }
  await first.node.end('SIGKILL');
  const second = await start(t, data);
  await second.node.end('SIGTERM');
  assert.deepEqual(
    linesOf(data).map(({ event }) => event),
    [
      'gateway.start',
      ...Array.from({ length: 3 }, () => 'namespace.notice'),
      'gateway.start',
      'gateway.stop',
    ],
  );
  assert.equal((await run('audit', 'verify', '--data', data)).exit, 0);
});

test('maillon audit verify says where a log was changed, show shows it', async (t) => {
  const data = scratch(t);
  const { node } = await start(t, data);
  await node.end('SIGTERM');
  const path = join(data, 'audit/audit.log');
  const shown = await run('audit', 'show', '--data', data);
  assert.equal(shown.exit, 0);
  assert.match(shown.stdout, /^SEQ +TIME +EVENT/);
  assert.match(shown.stdout, /1 +\S+Z +gateway\.start +ok/);
  const json = await run('audit', 'show', '--json', '--limit', '1', '--data', data);
  assert.equal((JSON.parse(json.stdout) as AuditLine).event, 'gateway.stop');

  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('gateway.start', 'gateway.stare'));
  const changed = await run('audit', 'verify', '--data', data);
  assert.equal(changed.exit, 1);
  assert.match(changed.stdout, /audit\.log:1: line 1 of the log was changed/);
  assert.match(changed.stderr, /^maillon: one fault found/);
  writeFileSync(path, text.split('\n').slice(0, 1).join('\n'));
  const cut = await run('audit', 'verify', '--json', '--data', data);
  assert.equal(cut.exit, 1);
  const { problems } = JSON.parse(cut.stdout) as { problems: { what: string }[] };
  assert.match(problems.map(({ what }) => what).join(), /cut off.*line 2 of the log is missing at the end/);
  writeFileSync(path, text);
  const one = await run('audit', 'verify', path);
  assert.deepEqual([one.exit, one.stdout.startsWith('sound: 2 lines')], [0, true]);
  const none = await run('audit', 'verify', '--data', scratch(t));
  assert.equal(none.exit, 1);
  assert.match(none.stderr, /there is no audit log at .*--data/);
});

test('who signed in and who was refused is written down, and no credential', async (t) => {
  const data = scratch(t);
  const { node, url } = await start(t, data);
  const wallet = await walletOf(1);
  const session = await signIn(url, wallet);
  const proof = await proofFor(url, wallet);
  assert.equal((await post(url, '/v1/auth/verify', proof)).status, 200);
  assert.equal((await post(url, '/v1/auth/verify', proof)).status, 400, 'a nonce is good once');
  const forged = `${session.access_token.slice(0, -6)}AAAAAA`;
  const authorization = `Bearer ${forged}`;
  assert.equal((await fetch(`${url}/v1/kv/a`, { headers: { authorization } })).status, 401);
  const byKey = { 'x-api-key': session.api_key };
  assert.equal((await post(url, '/v1/auth/token', undefined, byKey)).status, 200);
  const renewed = await post(url, '/v1/auth/refresh', { refresh_token: session.refresh_token });
  assert.equal(renewed.status, 200);
  // a client that says its key where it does not belong
  assert.equal((await fetch(`${url}/v1/auth/whoami?api_key=${session.api_key}`)).status, 401);
  const answer = await post(url, '/v1/auth/ws-ticket', undefined, byKey);
  const { ticket } = (await answer.json()) as { ticket: string };
  for (const query of [`token=${session.access_token}`, `ticket=${ticket}x`]) {
    assert.equal((await fetch(`${url}/v1/pubsub/ws?topic=t&${query}`)).status, 401);
  }
  // a credential where the wallet belongs, and more than a wallet
  const long = `x ${session.access_token} ${'y'.repeat(10_000)}`;
  assert.equal((await post(url, '/v1/auth/verify', { wallet: long })).status, 400);
  const bearer = { authorization: `Bearer ${session.access_token}` };
  const huge = { name: 'a', public_key: 'x'.repeat(AUTH_BODY_MAX_BYTES) };
  assert.equal((await post(url, '/v1/apps', huge, bearer)).status, 413);
  const other = await walletOf(2);
  const delegated = await signInSiwx(url, other);
  await node.end('SIGTERM');

  const lines = linesOf(data);
  const said = lines.map(({ event, outcome }) => `${event} ${outcome}`);
  assert.deepEqual(said, [
    'gateway.start ok',
    'auth.verify ok',
    'auth.verify ok',
    'auth.verify refused',
    'auth.credential refused',
    'auth.token ok',
    'auth.refresh ok',
    'auth.credential refused',
    'auth.ws-ticket ok',
    'auth.credential refused',
    'auth.credential refused',
    'auth.verify refused',
    'auth.apps refused',
    'auth.verify ok',
    'gateway.stop ok',
  ]);
  assert.equal(lines[1]?.actor, wallet.address);
  assert.deepEqual(lines[3]?.detail, {
    method: 'POST',
    route: '/v1/auth/verify',
    status: 400,
    wallet: wallet.address,
  });
  assert.deepEqual(lines[4]?.detail, { method: 'GET', route: '/v1/kv/:namespace', status: 401 });
  assert.match(lines[5]?.actor ?? '', /^did:pkh:eip155:/);
  assert.equal(String(lines.at(-4)?.detail?.['wallet']).length, 128);
  assert.equal(lines.at(-2)?.actor?.toLowerCase(), other.address, 'as it stands in the message');
  const written = readFileSync(join(data, 'audit/audit.log'), 'utf8') + node.stderr + node.stdout;
  const { access_token: access, refresh_token: refresh, api_key: key } = session;
  const ofDelegated = [delegated.access_token, delegated.refresh_token, delegated.delegation];
  for (const secret of [access, refresh, key, ticket, forged, proof.signature, proof.nonce, ...ofDelegated]) {
    assert.ok(secret.length > 20 && !written.includes(secret), secret);
  }
});
