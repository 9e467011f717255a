import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { signInWithBrowser } from '../../gateway/cli/sessions/browser.ts';
import { Person } from '../support/person.ts';
import { maillon, until } from '../support/processes.ts';
import { rawRequest } from '../support/raw-http.ts';
import { post, signIn, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

/** Paths of the session files in a person's home. */
function sessionFiles({ directory }: Person): string[] {
  const sessions = join(directory, '.maillon', 'sessions');
  return readdirSync(sessions, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(sessions, name));
}

/** Changes what is kept of every session. */
function changeSessions(person: Person, change: object): void {
  for (const path of sessionFiles(person)) {
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
  }
}

/** Contents of a person's session files. */
function secretsOf(person: Person): { accessToken: string; refreshToken: string }[] {
  return sessionFiles(person).map((path) => JSON.parse(readFileSync(path, 'utf8')));
}

test('a key signs in, and every command uses the session: its namespace is apart from the operator’s', async (t) => {
  const person = new Person(t, site);
  await person.key('alice');
  await person.run('put', 'k', 'of the operator');
  const session = await person.ask('login', '--key', 'alice', '--namespace', 'mine');
  assert.match(session.wallet, /^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
  assert.deepEqual([session.gateway, session.namespace, session.custody], [site.url, 'mine', 'gateway']);
  const [file = ''] = sessionFiles(person);
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);

  assert.equal(await person.refused('get', 'k'), 'not_found');
  const put = await person.ask('put', 'k', 'of alice');
  assert.equal(put.namespace, 'mine');
  assert.equal((await person.run('get', 'k')).stdout, 'of alice');
  assert.equal((await person.run('get', 'k', '--as', 'none')).stdout, 'of the operator');
  assert.equal((await person.run('list')).stdout, 'k\n');
  assert.equal(await person.refused('get', 'k', '--namespace', 'other'), 'namespace_mismatch');
  for (const command of ['status', 'peers', 'nodes', 'id']) await person.ask(command);

  const env = { HOME: person.directory, MAILLON_URL: site.url };
  const sub = maillon(t, ['sub', 'news', '--count', '1', '--json'], { env });
  await until('the subscription is live', () => sub.stderr.includes('listening to news'));
  await person.ask('pub', 'news', 'not for her', '--as', 'none');
  await person.ask('pub', 'news', 'hello');
  assert.equal(await sub.exit, 0, sub.stderr);
  const message = JSON.parse(sub.stdout);
  assert.deepEqual(
    [message.namespace, message.data_base64],
    ['mine', Buffer.from('hello').toString('base64')],
  );

  const who = await person.ask('whoami');
  assert.deepEqual([who.answer.subject, who.answer.custody], [session.wallet, 'gateway']);
  const { stdout } = await person.run('whoami');
  assert.match(stdout, new RegExp(`^signed in +with a session\nwallet +${session.wallet}$`, 'm'));
  assert.match(stdout, new RegExp(`^\\* +${site.url} +${session.wallet} +mine +gateway +alice +`, 'm'));
  for (const { accessToken, refreshToken } of secretsOf(person)) {
    for (const text of [stdout, JSON.stringify(who), JSON.stringify(session), site.log.join('\n')]) {
      assert.ok(!text.includes(accessToken) && !text.includes(refreshToken), 'no secret is shown');
    }
  }
});

test('several wallets and namespaces stand side by side, and each is ended by itself', async (t) => {
  const person = new Person(t, site);
  for (const name of ['alice', 'bob', 'carol']) await person.key(name);
  const alice = await person.ask('login', '--key', 'alice');
  await person.ask('login', '--key', 'alice', '--namespace', 'team');
  const bob = await person.ask('login', '--key', 'bob');
  const whoIs = async (...args: string[]): Promise<string[]> => {
    const { answer } = await person.ask('whoami', ...args);
    return [answer.subject, answer.namespace];
  };
  assert.deepEqual(await whoIs(), [bob.wallet, 'default']);
  assert.deepEqual(await whoIs('--as', 'alice', '--namespace', 'team'), [alice.wallet, 'team']);
  assert.deepEqual(await whoIs('--as', alice.wallet, '--namespace', 'default'), [alice.wallet, 'default']);
  // carol has a key, and signs in by that
  const carol = await person.ask('put', 'k', 'v', '--as', 'carol');
  assert.equal(carol.namespace, 'default');
  assert.equal((await person.ask('whoami')).sessions.length, 4);
  assert.equal(await person.refused('get', 'k', '--as', 'nobody-here'), 'no_session');

  const ended = await person.ask('logout', '--as', 'alice', '--namespace', 'team');
  assert.deepEqual(ended.ended, [{ gateway: site.url, wallet: alice.wallet, namespace: 'team' }]);
  const before = secretsOf(person);
  assert.equal(before.length, 3);
  assert.equal((await person.ask('logout', '--all')).ended.length, 3);
  for (const { refreshToken } of before) {
    const refused = await post(site.url, '/v1/auth/refresh', { refresh_token: refreshToken });
    assert.equal(refused.status, 401, 'it has ended at the gateway, too');
  }
  assert.equal(await person.refused('logout'), 'no_session');
  assert.equal((await person.ask('whoami')).answer.method, 'operator');
});

test('tokens are renewed by themselves, once for commands that run at once; the key signs in again where the session has ended', async (t) => {
  const person = new Person(t, site);
  await person.key('alice');
  await person.ask('login', '--key', 'alice');
  const [first] = secretsOf(person);
  changeSessions(person, { expiresAt: 0 });
  const env = { HOME: person.directory, MAILLON_URL: site.url, MAILLON_DATA: join(person.directory, 'data') };
  const several = [1, 2, 3].map((i) => maillon(t, ['put', `k${i}`, 'v', '--json'], { env }));
  for (const one of several) assert.equal(await one.exit, 0, one.stderr);
  const [second] = secretsOf(person);
  assert.notEqual(second?.refreshToken, first?.refreshToken);
  assert.equal((await person.run('list')).stdout, 'k1\nk2\nk3\n');

  // a token that is refused before its time
  changeSessions(person, { accessToken: 'a.b.c' });
  assert.equal((await person.run('get', 'k1')).stdout, 'v');
  const [third] = secretsOf(person);
  await post(site.url, '/v1/auth/logout', { refresh_token: third?.refreshToken });
  changeSessions(person, { expiresAt: 0 });
  assert.equal((await person.run('get', 'k1')).stdout, 'v', 'alice has signed in again');

  const [fourth] = secretsOf(person);
  await post(site.url, '/v1/auth/logout', { refresh_token: fourth?.refreshToken });
  changeSessions(person, { key: null, expiresAt: 0 });
  const { exit, stderr } = await person.run('get', 'k1');
  assert.equal(exit, 1);
  assert.match(
    stderr,
    /^maillon: the session of \w+ has ended .*\(sign in: maillon login --gateway URL\)\n$/,
  );
  assert.equal((await person.run('whoami')).exit, 1);
});

test('a gateway that is away: said by every command, and logout forgets all the same', async (t) => {
  const away = createServer((request, response) => {
    void fetch(site.url + (request.url ?? ''), {
      method: request.method ?? 'GET',
      headers: { 'content-type': 'application/json', ...pick(request.headers.authorization) },
      ...(request.method === 'POST' ? { body: request, duplex: 'half' } : {}),
    } as unknown as RequestInit).then(async (answer) =>
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text()),
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => away.once('listening', resolve));
  const url = `http://127.0.0.1:${(away.address() as AddressInfo).port}`;
  const person = new Person(t, { url });
  await person.ask('login');
  await new Promise((resolve) => {
    away.close(resolve);
    away.closeAllConnections();
  });
  changeSessions(person, { expiresAt: 0 });
  assert.equal(await person.refused('get', 'k'), 'unreachable');
  const who = await person.run('whoami', '--json');
  assert.deepEqual([who.exit, JSON.parse(who.stdout).sessions.length], [1, 1]);
  const { exit, stdout, stderr } = await person.run('logout');
  assert.deepEqual([exit, sessionFiles(person)], [0, []]);
  assert.match(stdout, /^signed out: /);
  assert.match(stderr, /could not be told/);
});

function pick(authorization: string | undefined): { authorization?: string } {
  return authorization === undefined ? {} : { authorization };
}

test('an API key in a file is used without a session; one that others may read is not', async (t) => {
  const person = new Person(t, site);
  const { api_key: key } = await signIn(site.url, await walletOf(7), 'of-seven');
  const file = person.file('api-key', `${key}\n`);
  chmodSync(file, 0o600);
  const env = { HOME: person.directory, MAILLON_URL: site.url, MAILLON_API_KEY_FILE: file };
  const put = maillon(t, ['put', 'k', 'v', '--json'], { env });
  assert.equal(await put.exit, 0, put.stderr);
  assert.equal(JSON.parse(put.stdout).namespace, 'of-seven');
  if (process.platform === 'win32') return;
  chmodSync(file, 0o644);
  const open = maillon(t, ['get', 'k', '--json'], { env });
  assert.equal(await open.exit, 1);
  assert.equal(JSON.parse(open.stderr).code, 'bad_api_key_file');
  assert.ok(!open.stderr.includes(key));
});

/** Acts as the page once the wallet has signed. */
async function comeBack(page: string, number: number): Promise<URL> {
  const url = new URL(page);
  const asked = await fetch(url);
  assert.equal(asked.status, 200, await asked.text());
  const { callback, namespace, state } = Object.fromEntries(url.searchParams);
  const session = await signIn(url.origin, await walletOf(number), namespace);
  const back = new URL(callback ?? '');
  const fields = { ...session, expires_in: '900', state: state ?? '' };
  for (const [name, value] of Object.entries(fields)) back.searchParams.set(name, value);
  return back;
}

test('a browser’s wallet signs in over a port of this machine, which takes nothing from anybody else', async (t) => {
  const person = new Person(t, site);
  const env = { HOME: person.directory, MAILLON_URL: site.url, DISPLAY: '', WAYLAND_DISPLAY: '' };
  const login = maillon(t, ['login', '--browser', '--namespace', 'web', '--json'], { env });
  const page = await until('the page is named', () => /^http\S+$/m.exec(login.stderr)?.[0]);
  const back = await comeBack(page, 8);
  const text = await (await fetch(page)).text();
  assert.ok(text.includes(`data-state="${back.searchParams.get('state')}"`));
  const guess = new URL(back);
  guess.searchParams.set('state', 'x'.repeat(43));
  assert.equal((await fetch(guess)).status, 404);
  assert.equal((await fetch(back, { method: 'POST' })).status, 404);
  const rebound = await rawRequest(back.origin, back.pathname + back.search, {
    headers: { host: 'evil.example' },
  });
  assert.equal(rebound.status, 404, 'another name for this machine');
  const answer = await fetch(back);
  assert.equal(answer.status, 200);
  assert.ok(!answer.url.includes('token'), 'the browser does not remember the tokens');
  assert.equal(await login.exit, 0, login.stderr);
  const session = JSON.parse(login.stdout);
  const { address } = await walletOf(8);
  assert.deepEqual([session.wallet, session.namespace, session.key], [address, 'web', null]);
  assert.equal((await person.ask('put', 'k', 'v')).namespace, 'web');
  await assert.rejects(fetch(back), 'the port is closed');
});

test('nobody comes back from the browser: it gives up and says so', async () => {
  const shown: string[] = [];
  const init = {
    gateway: site.url,
    namespace: 'web',
    show: (url: string) => void shown.push(url),
    timeoutMs: 50,
  };
  await assert.rejects(signInWithBrowser(init), { code: 'login_timeout' });
  assert.equal(shown.length, 1);
});

test('a sealed key signs in with its passphrase file; where it has none it says what to do', async (t) => {
  const person = new Person(t, site);
  const file = person.file('passphrase', 'four random words here\n');
  chmodSync(file, 0o600);
  await person.ask('keys', 'new', 'sealed', '--passphrase-file', file);
  assert.equal(await person.refused('login', '--key', 'sealed'), 'passphrase_needed');
  const { wallet } = await person.ask('login', '--key', 'sealed', '--passphrase-file', file);
  assert.equal((await person.ask('whoami')).answer.subject, wallet);
  assert.equal(await person.refused('login', '--key', 'none'), 'no_such_key');
});

test('connect asks the gateway, as its operator or whoever one is there', async (t) => {
  const person = new Person(t, site);
  const paths = ((await rawRequest(site.url, '/openapi.json')).body as { paths: object }).paths;
  if (!('/v1/network/connect' in paths)) return t.skip('the gateway has no route for it yet');
  assert.equal(await person.refused('connect', 'nowhere'), 'bad_address');
  await person.ask('login');
  assert.equal(await person.refused('connect', '/ip4/127.0.0.1/tcp/1'), 'forbidden');
});
