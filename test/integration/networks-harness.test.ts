import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { canUseNamespaces, type Host, NAMESERVER, Topology } from '../support/namespaces.ts';
import { startNodeIn, untilHeard } from '../support/node-in-namespace.ts';
import { Program, until } from '../support/processes.ts';

const skip = canUseNamespaces() ?? false;
const PORT = 7000;

/** Runs `code` on `host` as a module with these arguments, and returns what it printed. */
function runOn(host: Host, code: string, ...args: readonly string[]): string {
  const node = [process.execPath, '--input-type=module', '--eval', code, '--', ...args];
  return execFileSync('ip', ['netns', 'exec', host.namespace, ...node], { encoding: 'utf8' }).trim();
}

/** Connects from port 1 (0: any) to host 2, port 3, within 4 ms, and prints what came of it. */
const CONNECT = `
import { connect } from 'node:net';
const [localPort, host, port, patienceMs] = process.argv.slice(1);
const socket = connect({ host, port: Number(port), localPort: Number(localPort) });
const end = (text) => { console.log(text); process.exit(0); };
socket.on('data', (data) => end(String(data))).on('error', ({ code }) => end(code));
socket.on('connect', () => socket.write('hello'));
setTimeout(() => end('silence'), Number(patienceMs));`;

/** Answers whoever connects with the address it is seen from. */
const ECHO = `
import { createServer } from 'node:net';
createServer((socket) => socket.on('error', () => undefined).end(socket.remoteAddress))
  .listen(${PORT}, '0.0.0.0', () => console.log('listening'));`;

function serveOn(t: Parameters<Host['start']>[0], host: Host): Promise<string> {
  return host.start(t, process.execPath, ['--input-type=module', '--eval', ECHO]).firstLine();
}

function connectFrom(from: Host, to: string, localPort = 0): string {
  return runOn(from, CONNECT, String(localPort), to, String(PORT), '1000');
}

test('hosts on the backbone reach each other, until their way is cut', { skip }, async (t) => {
  const net = new Topology(t);
  const [a, b, c] = [net.host('a'), net.host('b'), net.host('c')];
  await serveOn(t, a);
  assert.equal(connectFrom(b, a.address), b.address);
  const heal = net.cut(a, b);
  assert.equal(connectFrom(b, a.address), 'silence');
  assert.equal(connectFrom(c, a.address), c.address, 'others are not cut');
  heal();
  assert.equal(connectFrom(b, a.address), b.address);
});

test('behind a NAT one reaches out under its address, and nobody reaches in unless forwarded', {
  skip,
}, async (t) => {
  const net = new Topology(t);
  const outside = net.host('outside');
  const router = net.nat('router');
  const inside = router.host('inside');
  await serveOn(t, outside);
  await serveOn(t, inside);
  assert.equal(connectFrom(inside, outside.address), router.address);
  assert.equal(connectFrom(outside, router.address), 'silence');
  assert.match(connectFrom(outside, inside.address), /silence|EHOSTUNREACH|ENETUNREACH/);
  router.forwardPort(PORT, inside);
  assert.equal(connectFrom(outside, router.address), outside.address);
});

test('two routers let a connection through that both sides open at once, as hole punching does', {
  skip,
}, async (t) => {
  const net = new Topology(t);
  const [left, right] = [net.nat('left'), net.nat('right')];
  const hosts: [Host, string][] = [
    [left.host('a'), right.address],
    [right.host('b'), left.address],
  ];
  // each tries again from the same port until the other's router expects it
  const punch = hosts.map(([host, other]) =>
    host.start(t, process.execPath, [
      '--input-type=module',
      '--eval',
      CONNECT,
      '--',
      '7000',
      other,
      '7000',
      '30000',
    ]),
  );
  assert.deepEqual(await Promise.all(punch.map((program) => program.firstLine())), ['hello', 'hello']);
});

test('a firewall counts what is sent past the way it leaves open', { skip }, async (t) => {
  const net = new Topology(t);
  const [inside, allowed, other] = [net.host('inside'), net.host('allowed'), net.host('other')];
  await serveOn(t, allowed);
  await serveOn(t, other);
  const refused = inside.restrictTo({ address: allowed.address, port: PORT });
  assert.equal(connectFrom(inside, allowed.address), inside.address);
  assert.equal(refused(), 0);
  assert.equal(connectFrom(inside, other.address), 'silence');
  const afterTcp = refused();
  assert.ok(afterTcp > 0);
  const lookup = `import { lookup } from 'node:dns/promises';
    console.log(await lookup('name.example').then(() => 'found', ({ code }) => code));`;
  assert.match(runOn(inside, lookup), /EAI_AGAIN|ENOTFOUND/);
  assert.ok(refused() > afterTcp, `names are asked of ${NAMESERVER}, on the backbone`);
});

test('two nodes on two hosts meet over the backbone and relay messages', { skip }, async (t) => {
  const net = new Topology(t);
  const first = await startNodeIn(t, net.host('first'));
  const second = await startNodeIn(t, net.host('second'), ['--bootstrap', first.bootstrap]);
  await until('they are connected', async () => (await first.connectedPeers()).includes(second.peerId));
  const inbox = await first.subscribe(t, 'news');
  await untilHeard('hello', second, 'news', inbox);
});

test('a thin line is as thin as it was made', { skip }, async (t) => {
  const net = new Topology(t);
  const [from, to] = [net.host('from'), net.host('to')];
  await serveOn(t, to);
  from.limitRate(50_000);
  assert.equal(connectFrom(from, to.address), from.address, 'thin, not cut');
  const shaping = execFileSync('tc', ['-n', from.namespace, 'qdisc', 'show', 'dev', 'wan'], {
    encoding: 'utf8',
  });
  assert.match(shaping, /qdisc tbf .* rate 400Kbit/);
});

test('what a killed run left behind is removed, with what runs in it', { skip }, async (t) => {
  const { pid: dead } = spawnSync(process.execPath, ['--version']);
  const name = `maillon-test-${dead}-left`;
  execFileSync('ip', ['netns', 'add', name]);
  const left = new Program(t, 'ip', [
    'netns',
    'exec',
    name,
    process.execPath,
    '--eval',
    'setInterval(() => 0, 1000)',
  ]);
  await until(
    'it runs there',
    () => execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).trim() !== '',
  );
  const own = new Topology(t).host('own');
  assert.equal(await left.exit, 'SIGKILL');
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  assert.ok(!names.includes(name));
  assert.ok(names.includes(own.namespace), 'those of a run under way stay');
});
