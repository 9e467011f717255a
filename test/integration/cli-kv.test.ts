import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { createClient } from '../../gateway/client/index.ts';
import { pattern } from '../support/blobs.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { OWNER } from '../support/owner.ts';
import { maillon, scratch } from '../support/processes.ts';
import { type Finished, Shell } from '../support/shell.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
let shell: Shell;
before(async () => {
  site = await startSite();
  shell = new Shell({ env: { MAILLON_URL: site.url } });
});
after(async () => {
  await shell.end();
  await site[Symbol.asyncDispose]();
});

/** Runs a command to its end. */
const run = (args: readonly string[]): Promise<Finished> => shell.run(args);

/** The same in a process of its own, which has something on its standard input. */
async function piped(t: TestContext, args: readonly string[], input: string): Promise<Finished> {
  const program = maillon(t, args, { input, env: { MAILLON_URL: site.url } });
  const exit = await program.exit;
  return { exit, stdout: program.stdout, stderr: program.stderr };
}

test('put, get, stat, list, where and del, as a person uses them', async () => {
  const put = await run(['put', 'greeting', 'hello']);
  assert.equal(put.exit, 0, put.stderr);
  assert.match(put.stdout, /^stored greeting on 1 of 1 replica \(3 wanted\), ETag "\d+-\d+-b\w+"\n$/);
  const get = await run(['get', 'greeting']);
  assert.deepEqual([get.exit, get.stdout], [0, 'hello'], 'no newline is added');
  const stat = await run(['stat', 'greeting']);
  assert.match(stat.stdout, /type +text\/plain; charset=utf-8\n/);
  assert.match(stat.stdout, /expires +never/);
  assert.equal((await run(['list'])).stdout, 'greeting\n');
  assert.match((await run(['list', '--long'])).stdout, /5B +\d+s +- +text\/plain; charset=utf-8 +greeting\n/);
  const where = await run(['storage', 'where', 'greeting']);
  assert.match(
    where.stdout,
    /^greeting is in partition \d+: 1 of 3 replicas\nNODE +ROLE +LIVE +SYNCED +EXPIRES +VERSION\n…\w{8} +replica +yes +yes +- +\d+-\d+-/,
  );
  assert.match(
    (await run(['storage', 'status'])).stdout,
    /records +1 in [^]*nodes +1 keep records; of yours 1 are replicas, 3 wanted[^]*default@did:key:\w+ +1 /,
  );
  assert.match((await run(['del', 'greeting'])).stdout, /^deleted greeting on 1 of 1 replica/);
  for (const command of ['get', 'stat']) {
    const gone = await run([command, 'greeting']);
    assert.deepEqual(
      [gone.exit, gone.stdout, gone.stderr],
      [1, '', 'maillon: there is no value under greeting\n'],
    );
  }
  assert.match((await run(['storage', 'where', 'greeting'])).stdout, /\(deleted\)/);
});

test('with --json as a program does', async () => {
  const space = ['--namespace', 'json', '--json'];
  const written = JSON.parse((await run(['put', 'a/b', 'v', '--ttl', '1h', ...space])).stdout);
  assert.deepEqual([written.key, written.namespace, written.replicas.length], ['a/b', 'json', 1]);
  const { value_base64, ...value } = JSON.parse((await run(['get', 'a/b', ...space])).stdout);
  assert.equal(value_base64, 'dg==');
  assert.deepEqual([value.etag, value.expiresAt], [written.etag, written.expiresAt]);
  assert.deepEqual(JSON.parse((await run(['stat', 'a/b', ...space])).stdout), value);
  const [line, ...rest] = (await run(['list', 'a/', ...space])).stdout.trim().split('\n');
  assert.deepEqual([JSON.parse(line ?? '').key, rest], ['a/b', []]);
  const where = JSON.parse((await run(['storage', 'where', 'a/b', ...space])).stdout);
  assert.equal(where.holders[0].etag, written.etag);
  assert.equal(JSON.parse((await run(['storage', 'status', '--json'])).stdout).members, 1);
  const stale = await run(['put', 'a/b', 'w', '--if-match', '1-0-x', ...space]);
  assert.deepEqual([stale.exit, JSON.parse(stale.stderr).code], [1, 'precondition_failed']);
  const gone = await run(['get', 'none', ...space]);
  assert.deepEqual([gone.exit, JSON.parse(gone.stderr).code], [1, 'not_found']);
  assert.equal(
    JSON.parse((await run(['del', 'a/b', '--if-match', written.etag, ...space])).stdout).key,
    'a/b',
  );
});

test('bytes come from files and standard input, and go to files', async (t) => {
  const directory = scratch(t);
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256);
  writeFileSync(source, bytes);
  const type = ['--content-type', 'application/x-test'];
  assert.equal((await run(['put', 'file', '--file', source, ...type])).exit, 0);
  const got = await run(['get', 'file', '--output', target]);
  assert.deepEqual([got.exit, got.stdout], [0, '']);
  assert.deepEqual(new Uint8Array(readFileSync(target)), bytes);
  assert.match((await run(['stat', 'file'])).stdout, /type +application\/x-test\n/);

  for (const [key, args] of [
    ['in', []],
    ['dash', ['-']],
  ] as const) {
    assert.equal((await piped(t, ['put', key, ...args], 'from a pipe\n')).exit, 0);
    assert.equal((await run(['get', key])).stdout, 'from a pipe\n');
  }
});

test('a file that cannot be used is named with what named it, and why', async (t) => {
  const directory = scratch(t);
  const absent = join(directory, 'absent', 'file');
  for (const [args, words] of [
    [['put', 'k', '--file', absent], `--file ${absent}: there is no such file`],
    [['put', 'k', '--file', directory], `--file ${directory}: it is a directory`],
    [['put', 'k', 'v', '--chain', absent], `--chain ${absent}: there is no such file`],
    [['join', '--join-file', absent], `--join-file ${absent}: there is no such file`],
    [['keys', 'import', 'k', absent], `key file ${absent}: there is no such file`],
    [['storage', 'import', absent], `archive ${absent}: there is no such file`],
  ] as const) {
    const { exit, stderr } = await run(args);
    assert.deepEqual([exit, stderr.includes(words)], [1, true], stderr);
    assert.doesNotMatch(stderr, /ENOENT|EISDIR/);
  }
  await run(['put', 'there', 'x']);
  const got = await run(['get', 'there', '--output', absent]);
  assert.match(got.stderr, /--output .*absent\/file: its directory is not there: make it first/);
});

test('a large file goes in and out although the connection breaks, and the file is replaced at once', async (t) => {
  const directory = scratch(t);
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  const bytes = pattern(3 * 2 ** 20 + 5);
  writeFileSync(source, bytes);
  writeFileSync(target, 'what was there');
  await using proxy = await CuttingProxy.to(site.url, { cuts: 2, afterBytes: 1.2 * 2 ** 20 });
  const space = ['--namespace', 'files', '--url', proxy.url];
  const put = await run(['put', 'large', '--file', source, '--json', ...space]);
  assert.equal(put.exit, 0, put.stderr);
  assert.equal(proxy.cuts, 2);
  const got = await run(['get', 'large', '--output', target, '--json', '--namespace', 'files']);
  assert.deepEqual([got.exit, got.stderr], [0, '']);
  const { etag, size, blob } = JSON.parse(got.stdout);
  assert.deepEqual([etag, size], [JSON.parse(put.stdout).etag, bytes.byteLength]);
  assert.match(blob, /^b/);
  assert.ok(readFileSync(target).equals(bytes));
  assert.deepEqual(readdirSync(directory).toSorted(), ['source', 'target']);

  const piped_ = await piped(t, ['get', 'large', '--namespace', 'files'], '');
  assert.deepEqual([piped_.exit, piped_.stdout.length > 0], [0, true]);
  const line = await run(['get', 'large', '--json', '--namespace', 'files']);
  assert.deepEqual([line.exit, JSON.parse(line.stderr).code], [1, 'too_large']);
  const nowhere = await run(['get', 'large', '--output', directory, '--namespace', 'files']);
  assert.deepEqual([nowhere.exit, /is a directory/.test(nowhere.stderr)], [2, true]);
});

test('what an earlier run left of a value is gone on with; of another version it is not', async (t) => {
  const directory = scratch(t);
  const target = join(directory, 'target');
  const bytes = pattern(2 ** 20 + 77);
  const kv = createClient({ url: site.url }).kv('parts');
  const { id } = await kv.put('k', bytes);
  const part = `${target}.${id.slice(-12)}.part`;
  const left = Buffer.from(bytes.subarray(0, 900_000));
  writeFileSync(part, left);
  await using proxy = await CuttingProxy.to(site.url, { cuts: 0, afterBytes: 0 });
  const get = ['get', 'k', '--output', target, '--namespace', 'parts', '--url', proxy.url];
  assert.equal((await run(get)).exit, 0);
  assert.ok(readFileSync(target).equals(bytes));
  assert.ok(proxy.passed < 300_000, `${proxy.passed} bytes came`);
  // what a crash made of it
  left.fill(0, 7, 9_000);
  writeFileSync(part, left);
  assert.equal((await run(get)).exit, 0);
  assert.ok(readFileSync(target).equals(bytes), 'all of it came again');
  writeFileSync(part, left);
  await kv.put('k', bytes.subarray(1));
  assert.equal((await run(get)).exit, 0);
  assert.ok(readFileSync(target).equals(bytes.subarray(1)));
});

test('conditions end with exit code 1 when they do not hold', async () => {
  assert.equal((await run(['put', 'lock', 'me', '--if-absent'])).exit, 0);
  const second = await run(['put', 'lock', 'you', '--if-absent']);
  assert.equal(second.exit, 1);
  assert.match(second.stderr, /^maillon: the key has a value already/);
  assert.equal((await run(['get', 'lock'])).stdout, 'me');
  assert.equal((await run(['put', 'lock', 'you', '--if-match', '*'])).exit, 0);
});

test('keys are shown without what steers a terminal, one a line', async () => {
  assert.equal((await run(['put', 'odd\u001b[2J\nkey', 'v', '--namespace', 'odd'])).exit, 0);
  assert.equal((await run(['list', '--namespace', 'odd'])).stdout, 'odd\\x1b[2J\\x0akey\n');
  const json = await run(['list', '--namespace', 'odd', '--json']);
  assert.equal(JSON.parse(json.stdout).key, 'odd\u001b[2J\nkey');
});

test('a list stops where it is told to, and goes on over pages otherwise', async () => {
  for (let i = 0; i < 12; i += 1) {
    await site.node.storage.put({ owner: OWNER.did, namespace: 'pages', key: `k${i}` }, Buffer.from(''));
  }
  const space = ['--namespace', 'pages'];
  assert.equal((await run(['list', ...space, '--limit', '5'])).stdout.trim().split('\n').length, 5);
  assert.equal((await run(['list', 'k1', ...space])).stdout, 'k1\nk10\nk11\n');
  assert.equal((await run(['list', 'none', ...space])).stdout, '');
});

test('what is not understood is exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [['put'], /missing required argument 'key'/],
    [['put', 'k', 'v', '--file', 'x'], /VALUE or --file, not both/],
    [['put', 'k', 'v', '--if-absent', '--if-match', 'x'], /cannot be used with/],
    [['put', 'k', 'v', '--durability', 'none'], /Allowed choices are one, majority, all/],
    [['get', 'k', '--consistency', 'all'], /Allowed choices are one, majority/],
    [['list', '--limit', '0'], /whole number from 1/],
    [['storage', 'were', 'k'], /unknown command 'were'/],
  ];
  for (const [args, message] of cases) {
    const { exit, stderr } = await run(args);
    assert.equal(exit, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.match(stderr, /^maillon: [^\n]+\n$/, 'one line');
  }
});
