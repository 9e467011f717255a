import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { createNode } from '../../node/index.ts';
import { testConfig } from '../support/config.ts';
import { maillon, type Program, scratch, until } from '../support/processes.ts';
import { type Family, parseExposition, valueOf } from '../support/scrape.ts';
import { silentLogger } from '../support/silent-logger.ts';

interface Ready {
  readonly url: string | null;
  readonly admin: string | null;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
}

function flags(data: string, ...more: readonly string[]): string[] {
  const swarm = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic'];
  const doors = ['--gateway-port', '0', ...(more.includes('--admin-port') ? [] : ['--admin-port', '0'])];
  return ['--json', '--data', data, ...swarm, ...doors, ...more];
}

interface Started extends Ready {
  readonly program: Program;
  readonly data: string;
}

async function startNode(t: TestContext, ...more: readonly string[]): Promise<Started> {
  const data = join(scratch(t), 'data');
  const program = maillon(t, ['node', ...flags(data, ...more)]);
  return { program, data, ...(JSON.parse(await program.firstLine()) as Ready) };
}

/** The header with the token that the node made in its data directory. */
function tokenIn(data: string): { authorization: string } {
  return { authorization: `Bearer ${readFileSync(join(data, 'admin.token'), 'utf8').trim()}` };
}

async function scrape(admin: string | null): Promise<Map<string, Family>> {
  const response = await fetch(`${admin}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(await response.text());
}

async function publish(url: string | null, topic: string): Promise<void> {
  const response = await fetch(`${url}/v1/pubsub/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, data_base64: 'eA==' }),
  });
  assert.equal(response.status, 200);
}

/** GET with headers that fetch does not let be set. */
function get(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject).end();
  });
}

test('two nodes are scraped: what they are, what they count, and it grows', async (t) => {
  const first = await startNode(t);
  const second = await startNode(t, '--bootstrap', first.multiaddrs[0] ?? '');
  const before = await scrape(second.admin);
  assert.equal(valueOf(before, 'maillon_build_info', { role: 'full' }), 1);
  // both dialled where they did so in the same moment
  assert.ok((valueOf(before, 'maillon_network_connections', { kind: 'tcp' }) ?? 0) >= 1);
  const peers = (direction: string): number => valueOf(before, 'maillon_network_peers', { direction }) ?? 0;
  assert.equal(peers('outbound') + peers('inbound'), 1);
  for (let shard = 0; shard < 8; shard++) {
    assert.equal(valueOf(before, 'maillon_relay_mesh_peers', { shard: String(shard) }), 1);
  }
  assert.ok((valueOf(before, 'maillon_process_memory_bytes', { kind: 'resident' }) ?? 0) > 1e7);
  assert.ok((valueOf(before, 'maillon_disk_free_bytes') ?? 0) > 0);
  assert.ok((valueOf(before, 'libp2p_data_transfer_bytes_total') ?? 0) > 0, 'libp2p counts, too');

  await publish(second.url, 'news');
  await publish(second.url, 'news');
  const after = await scrape(second.admin);
  const grown = (name: string, labels = {}): number =>
    (valueOf(after, name, labels) ?? 0) - (valueOf(before, name, labels) ?? 0);
  assert.equal(grown('maillon_relay_messages_published_total'), 2);
  assert.equal(grown('maillon_gateway_publishes_total'), 2);
  const posts = { route: 'publish', method: 'POST', status: '2xx' };
  assert.equal(grown('maillon_gateway_http_requests_total', posts), 2);
  assert.ok(grown('maillon_process_cpu_seconds_total', { mode: 'user' }) > 0);
  await until('the other one got them', async () => {
    return valueOf(await scrape(first.admin), 'maillon_relay_messages_delivered_total') === 2;
  });

  for (const family of after.values()) {
    if (!family.name.startsWith('maillon_')) continue;
    const labels = family.samples.flatMap((sample) => Object.values(sample.labels));
    assert.ok(!labels.some((label) => label.includes('12D3') || label === 'news'), family.name);
  }
});

test('a count never falls while a node runs, and ids of peers are in no label of libp2p either', async (t) => {
  const { url, admin } = await startNode(t);
  let before = await scrape(admin);
  for (let round = 0; round < 3; round++) {
    await publish(url, `topic-${round}`);
    const after = await scrape(admin);
    for (const { name, type, samples } of before.values()) {
      if (type !== 'counter') continue;
      for (const { labels, value } of samples) assert.ok((valueOf(after, name, labels) ?? -1) >= value, name);
    }
    before = after;
  }
  const labels = [...before.values()].flatMap(({ samples }) =>
    samples.flatMap((one) => Object.values(one.labels)),
  );
  assert.deepEqual(
    labels.filter((label) => label.includes('12D3') || label.includes('topic-')),
    [],
  );
});

test('it answers as the gateway does: probes, status, peers and nodes', async (t) => {
  const { url, admin, peerId, data } = await startNode(t);
  const token = tokenIn(data);
  assert.equal((await get(`${admin}/livez`)).status, 200);
  const [here, there] = await Promise.all([get(`${admin}/readyz`), get(`${url}/readyz`)]);
  assert.equal(here.status, 200);
  assert.equal(here.body, there.body);
  const status = JSON.parse((await get(`${admin}/v1/status`)).body) as {
    node: {
      peerId: string;
      memory: { rssBytes: number };
      eventLoop: { p99Ms: number };
      disk: { freeBytes: number };
    };
  };
  assert.equal(status.node.peerId, peerId);
  assert.ok(status.node.memory.rssBytes > 1e7 && status.node.disk.freeBytes > 0);
  assert.equal(typeof status.node.eventLoop.p99Ms, 'number');
  assert.deepEqual(JSON.parse((await get(`${admin}/v1/network/peers`, token)).body), { peers: [] });
  for (const [door, headers] of [
    [url, {}],
    [admin, token],
  ] as const) {
    const answer = await get(`${door}/v1/network/nodes`, headers);
    const { nodes } = JSON.parse(answer.body) as { nodes: { id: string }[] };
    assert.deepEqual(
      nodes.map(({ id }) => id),
      [peerId],
    );
    assert.equal((await get(`${door}/v1/network/nodes?reach=relayed`, headers)).body, '{"nodes":[]}');
    assert.equal((await get(`${door}/v1/network/nodes?reach=x`, headers)).status, 400);
  }
  assert.equal((await get(`${admin}/nothing`)).status, 404);
  assert.equal((await get(`${admin}/v1/pubsub/topics`)).status, 404, 'clients have the gateway');
});

test('no web page gets in by a name that points here, nor by its origin', async (t) => {
  const { admin } = await startNode(t, '--no-gateway-enabled');
  for (const path of ['/metrics', '/livez', '/v1/status']) {
    assert.equal((await get(`${admin}${path}`, { host: 'evil.example' })).status, 421, path);
    assert.equal((await get(`${admin}${path}`, { origin: 'https://evil.example' })).status, 403, path);
  }
  assert.equal((await get(`${admin}/metrics`, { host: 'localhost:1' })).status, 200);
});

test('health is for every program here; all else takes the token of the data directory, which the node keeps', async (t) => {
  const { program, admin, data } = await startNode(t, '--log-level', 'trace');
  const file = join(data, 'admin.token');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const kept = readFileSync(file, 'utf8');
  for (const path of ['/livez', '/readyz', '/health', '/metrics', '/v1/status', '/v1/version']) {
    assert.equal((await get(`${admin}${path}`)).status, 200, path);
  }
  const wrong = { authorization: `Bearer ${'x'.repeat(43)}` };
  for (const path of [
    '/v1/storage/maintenance',
    '/v1/network/peers',
    '/v1/network/nodes',
    '/v1/auth/api-keys',
  ]) {
    for (const headers of [{}, wrong, { 'x-api-key': `ak_${'x'.repeat(24)}:default` }]) {
      const refused = await get(`${admin}${path}`, headers);
      assert.equal(refused.status, 401, path);
      assert.match(refused.body, /takes the token in admin\.token in the data directory/);
    }
    assert.equal((await get(`${admin}${path}`, tokenIn(data))).status, 200, path);
    assert.equal(
      (await get(`${admin}${path}`, { ...tokenIn(data), host: 'evil.example' })).status,
      421,
      path,
    );
  }
  const refused = await fetch(`${admin}/v1/storage/collect`, { method: 'POST' });
  assert.equal(refused.status, 401);
  await program.end('SIGTERM');
  assert.ok(!`${program.stdout}${program.stderr}`.includes(kept.trim()), 'it is in no log');
  const again = maillon(t, ['node', ...flags(data)]);
  await again.firstLine();
  assert.equal(readFileSync(file, 'utf8'), kept);
});

test('with a token only who knows it gets in; it is made at the first start and in no log', async (t) => {
  const file = join(scratch(t), 'token');
  const { program, admin } = await startNode(t, '--admin-token-file', file, '--log-level', 'trace');
  const token = readFileSync(file, 'utf8').trim();
  assert.ok(token.length >= 43);
  for (const path of [
    '/metrics',
    '/readyz',
    '/v1/status',
    '/v1/network/nodes',
    '/nothing',
    '//livez',
    '/livez/',
  ]) {
    const bare = await get(`${admin}${path}`);
    assert.equal(bare.status, 401, path);
    assert.equal((JSON.parse(bare.body) as { code: string }).code, 'unauthenticated');
    assert.equal((await get(`${admin}${path}`, { authorization: `Bearer ${token}x` })).status, 401, path);
  }
  assert.equal((await get(`${admin}/livez`)).status, 200);
  const known = { authorization: `Bearer ${token}` };
  assert.equal((await get(`${admin}/metrics`, known)).status, 200);
  assert.equal((await get(`${admin}/metrics`, { ...known, host: 'node-1.example:9464' })).status, 200);
  await program.end('SIGTERM');
  assert.doesNotMatch(program.stdout + program.stderr, new RegExp(token));
});

test('a token file that others may read ends the start, and so does an open address without one', async (t) => {
  const directory = scratch(t);
  const file = join(directory, 'token');
  writeFileSync(file, 'x'.repeat(40), { mode: 0o644 });
  mkdirSync(join(directory, 'data'));
  const cases: [string[], string, RegExp][] = [
    [['--admin-token-file', file], 'bad_token_file', /chmod 600/],
    [['--admin-host', '0.0.0.0'], 'unsafe_listen', /admin\.host is 0\.0\.0\.0.*set admin\.tokenFile/],
    [['--admin-host', '::'], 'unsafe_listen', /admin\.tokenFile/],
  ];
  for (const [more, code, message] of cases) {
    const program = maillon(t, ['node', ...flags(join(directory, 'data'), ...more)]);
    assert.equal(await program.exit, 1);
    assert.equal(program.stdout, '');
    const error = JSON.parse(program.stderr) as { code: string; error: string };
    assert.equal(error.code, code);
    assert.match(error.error, message);
  }
});

/** An address of this machine that others can reach. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && one.family === 'IPv4' && !one.internal)?.address;
const noOutside = outside === undefined && 'this machine has no address beside loopback';

test('with a token it may be reached from elsewhere', { skip: noOutside }, async (t) => {
  const file = join(scratch(t), 'token');
  const { admin } = await startNode(t, '--admin-host', outside ?? '', '--admin-token-file', file);
  assert.ok(admin?.startsWith(`http://${outside}:`));
  assert.equal((await get(`${admin}/livez`)).status, 200);
  assert.equal((await get(`${admin}/metrics`)).status, 401);
});

test('a port that was asked for and is taken ends the start with a clear error', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const program = maillon(t, ['node', ...flags(scratch(t), '--admin-port', String(port))]);
  assert.equal(await program.exit, 1);
  const last = program.stderr.trim().split('\n').at(-1) ?? '';
  const { code, error } = JSON.parse(last) as { code: string; error: string };
  assert.equal(code, 'port_taken');
  assert.match(
    error,
    new RegExp(`admin\\.port: port ${port} is taken by another process on 127\\.0\\.0\\.1`),
  );
  assert.doesNotMatch(program.stderr, /node started/);
});

test('switched off there is no listener, and no metric is made', async (t) => {
  const { admin, url } = await startNode(t, '--no-admin-enabled');
  assert.equal(admin, null);
  assert.equal((await get(`${url}/livez`)).status, 200);
  assert.equal((await get(`${url}/metrics`)).status, 404);
});

test('a light gateway has one, too', async (t) => {
  const { multiaddrs } = await startNode(t);
  const doors = ['--gateway-port', '0', '--admin-port', '0'];
  const through = ['--bootstrap', multiaddrs[0] ?? ''];
  const program = maillon(t, ['gateway', '--json', '--data', scratch(t), ...doors, ...through]);
  const { admin } = JSON.parse(await program.firstLine()) as Ready;
  const families = await scrape(admin);
  assert.equal(valueOf(families, 'maillon_build_info', { role: 'light' }), 1);
  assert.equal(valueOf(families, 'maillon_gateway_clients', { kind: 'sse' }), 0);
});

test('a node starts again in the same process with the same registry', async (t) => {
  const registry = new Registry();
  const config = testConfig(scratch(t));
  const node = createNode({ logger: silentLogger(), registry }, { config, role: 'full', version: '0' });
  t.after(() => node.stop());
  const started: number[] = [];
  for (const _run of [1, 2, 3]) {
    await node.start();
    const families = parseExposition(await registry.metrics());
    started.push(valueOf(families, 'maillon_node_start_time_seconds') ?? 0);
    assert.ok(families.has('libp2p_dial_queue'));
    await node.stop();
    assert.equal(parseExposition(await registry.metrics()).size, 0, 'nothing is left behind');
  }
  assert.equal(new Set(started).size, 3);
});

test('the admin listener refuses unknown query parameters by name, too', async (t) => {
  const { admin, data } = await startNode(t);
  const headers = tokenIn(data);
  for (const path of ['/metrics', '/readyz', '/v1/status', '/v1/network/nodes', '/v1/storage/maintenance']) {
    const { status, body } = await get(`${admin}${path}?raech=direct`, headers);
    assert.equal(status, 400, path);
    assert.match(body, /raech.*unknown_field/, path);
  }
  assert.match((await get(`${admin}/v1/network/nodes?raech=direct`, headers)).body, /did you mean reach/);
});
