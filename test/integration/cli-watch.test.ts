import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { maillon, Program, scratch, until } from '../support/processes.ts';
import { Shell } from '../support/shell.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';
import { ROOT } from '../support/sources.ts';
import type { Site } from '../support/start-gateway.ts';

interface Ready {
  readonly url: string;
  readonly peerId: string;
}

async function startNode(
  t: TestContext,
  init: { readonly port?: string; readonly data: string },
): Promise<Ready & { program: Program }> {
  const swarm = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic'];
  const doors = ['--gateway-port', init.port ?? '0', '--no-admin-enabled'];
  const program = maillon(t, ['node', '--json', '--data', init.data, ...swarm, ...doors]);
  return { program, ...(JSON.parse(await program.firstLine()) as Ready) };
}

function jsonLines(program: Program): Record<string, unknown>[] {
  const lines = program.stdout.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function idOf({ node }: Site): string {
  return node.status().peerId;
}

let pair: SitePair;
before(async () => {
  pair = await startPair();
});
after(async () => pair[Symbol.asyncDispose]());

test('status --watch --json has a line a reading, with rates from the second on, and Ctrl-C ends it', async (t) => {
  const { url } = pair.a;
  const watch = maillon(t, ['status', '--watch', '--json', '--url', url]);
  await until('two readings', () => jsonLines(watch).length >= 2);
  const [first, second] = jsonLines(watch) as [Record<string, unknown>, Record<string, unknown>];
  assert.equal((first['node'] as { peerId: string }).peerId, idOf(pair.a));
  assert.equal(first['rates'], null);
  assert.equal(typeof (second['rates'] as { messagesInPerSecond: number }).messagesInPerSecond, 'number');
  const { exit } = await watch.end('SIGINT');
  assert.equal(exit, 0, watch.stderr);
  assert.equal(watch.stderr, '');
});

test('what others publish shows as messages in, what this node publishes as messages out', async (t) => {
  const { a: first, b: second } = pair;
  const watch = maillon(t, ['status', '--watch', '--json', '--url', first.url]);
  const body = JSON.stringify({ topic: 'news', data_base64: 'eA==' });
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const rateOf = (name: string) => async () => {
    await fetch(`${(name === 'messagesInPerSecond' ? second : first).url}/v1/pubsub/publish`, post);
    return jsonLines(watch).some(
      (line) => (((line['rates'] ?? {}) as Record<string, number>)[name] ?? 0) > 0,
    );
  };
  await until('messages in', rateOf('messagesInPerSecond'));
  await until('messages out', rateOf('messagesOutPerSecond'));
});

test('in a pipe it is blocks of plain text', async (t) => {
  const { url } = pair.a;
  for (const command of ['status', 'peers']) {
    const watch = maillon(t, [command, '--watch', '--url', url]);
    const blocks = (): string[] => watch.stdout.split('\n\n').slice(0, -1);
    await until('two blocks', () => blocks().length >= 2);
    for (const block of blocks())
      assert.match(block, command === 'status' ? /^gateway +http/ : /^PEER +CONNECTED /);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(watch.stdout, /\u001b/);
    assert.equal((await watch.end('SIGTERM')).exit, 0);
  }
});

test('a gateway that goes away is said to, and shown again when it is back', async (t) => {
  const data = scratch(t);
  const first = await startNode(t, { data });
  const port = new URL(first.url).port;
  const watch = maillon(t, ['peers', '--watch', '--json', '--url', first.url]);
  const has = (wanted: (line: Record<string, unknown>) => boolean, from = 0) => {
    return () => jsonLines(watch).slice(from).some(wanted);
  };
  await until(
    'a reading',
    has(({ peers }) => Array.isArray(peers)),
  );
  await first.program.end('SIGTERM');
  await until(
    'it is unreachable',
    has(({ code }) => code === 'unreachable'),
  );
  const seen = jsonLines(watch).length;
  const again = await startNode(t, { data, port });
  assert.equal(again.peerId, first.peerId);
  await until(
    'a reading again',
    has(({ peers }) => Array.isArray(peers), seen),
  );
  assert.equal((await watch.end('SIGINT')).exit, 0);
});

/** How often a program drew anew. */
function draws(program: Program): number {
  return program.stdout.split('\u001b[H').length - 1;
}

const noScript = !existsSync('/usr/bin/script') && 'there is no script(1) to make a terminal with';

test('on a terminal it draws in place, in colour, and leaves the terminal as it was', {
  skip: noScript,
}, async (t) => {
  const { url } = pair.a;
  const run = (env: NodeJS.ProcessEnv): Program => {
    const main = join(ROOT, 'gateway/cli/main.ts');
    // a terminal's Ctrl-C goes to the program in it; script(1) passes what it reads on
    const line = `stty cols 80 rows 24; exec ${process.execPath} ${main} status --watch --url ${url}`;
    return new Program(t, '/usr/bin/script', ['-qefc', line, '/dev/null'], {
      env: { TERM: 'xterm', ...env },
      stdin: 'open',
    });
  };
  const coloured = run({});
  await until('two drawings', () => draws(coloured) >= 2);
  coloured.process.stdin?.write('\u0003');
  assert.equal(await coloured.exit, 0);
  assert.ok(coloured.stdout.startsWith('\u001b[?1049h'));
  assert.ok(
    coloured.stdout.trimEnd().endsWith('\u001b[?25h\u001b[?1049l'),
    JSON.stringify(coloured.stdout.slice(-40)),
  );
  // oxlint-disable-next-line no-control-regex
  assert.match(coloured.stdout, /\u001b\[32m/);

  const plain = run({ NO_COLOR: '1' });
  await until('a drawing', () => draws(plain) >= 1);
  plain.process.stdin?.write('\u0003');
  assert.equal(await plain.exit, 0);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(plain.stdout, /\u001b\[[\d;]*m/);
});

test('status, peers and nodes show two nodes to each other', async (t) => {
  const [me, peer] = [idOf(pair.a), idOf(pair.b)];
  const shell = new Shell({ env: { MAILLON_URL: pair.a.url } });
  t.after(() => shell.end());
  const said = async (...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await shell.run(args);
    assert.equal(exit, 0, stderr);
    return stdout;
  };
  const whole = /^mesh +1 1 1 1 1 1 1 1 peers on shards 0 to 7$/m;
  await until('each is in the mesh of the other', async () => whole.test(await said('status')));
  const end = peer.slice(-8);
  assert.match(
    await said('peers'),
    new RegExp(`^…${end} +inbound +maillon/\\S+ +-?\\d+\\.\\d +0-7 +now +/ip4/`, 'm'),
  );
  assert.match(await said('peers', '--long'), new RegExp(`^${peer} `, 'm'));
  await until('it was dialled back', async () => (await said('nodes', '--reach', 'direct')).includes(end));
  const nodes = await said('nodes');
  assert.match(nodes, new RegExp(`^…${me.slice(-8)} +full +\\S+ +self +now +/ip4/`, 'm'));
  assert.match(nodes, new RegExp(`^…${end} +full +\\S+ +direct +`, 'm'));
  const parsed = JSON.parse(await said('nodes', '--json')) as { nodes: { id: string }[] };
  assert.deepEqual(
    parsed.nodes.map(({ id }) => id),
    [me, peer],
  );
});
