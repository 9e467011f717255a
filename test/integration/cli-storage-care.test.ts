import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAdmin } from '../../gateway/admin/server.ts';
import { loadToken, tokenFileOf } from '../../gateway/admin/token.ts';
import { testConfig } from '../support/config.ts';
import { type Kept, startKept, valueOf } from '../support/kept-nodes.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { BUILD } from '../support/start-gateway.ts';
import { named } from '../support/storage.ts';

const KIB = 1024;

test('the operator looks after the store of a running node from the command line', async (t) => {
  const files = scratch(t);
  const [kept] = (await startKept(t, 1)) as [Kept];
  const events: string[] = [];
  const admin = createAdmin(
    {
      node: kept.node,
      logger: silentLogger(),
      registry: { contentType: 'text/plain', metrics: () => Promise.resolve('') },
      audit: {
        fault: null,
        audit: ({ event, outcome }) => {
          events.push(`${event} ${outcome}`);
          return Promise.resolve();
        },
      },
      probes: () => [],
    },
    { config: testConfig(kept.data), build: BUILD },
  );
  await admin.start();
  t.after(() => admin.stop());
  const run = async (name: string, ...args: string[]) => {
    const program = maillon(t, ['storage', name, '--admin', admin.url, '--data', kept.data, ...args]);
    return { code: await program.exit, stdout: program.stdout, stderr: program.stderr };
  };
  const json = async (name: string, ...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await run(name, ...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  await kept.node.storage.put(named('record'), valueOf('record', KIB));
  await kept.node.storage.put(named('blob'), valueOf('blob', 100 * KIB));
  await kept.node.storage.put(named('gone'), valueOf('gone', 100 * KIB));
  await kept.node.storage.delete(named('gone'));
  const scrubbed = await run('scrub');
  assert.equal(scrubbed.code, 0, scrubbed.stderr);
  assert.match(scrubbed.stdout, /records {2}\d+ read, .*none broken/);
  assert.equal((await json('gc'))['blobs'], 1);

  const archive = join(files, 'all.car');
  const { bytes, ...exported } = await json('export', archive, '--namespace', 'default');
  assert.deepEqual(exported, { file: archive, records: 2, blobs: 1, missing: 0 });
  assert.ok(Number(bytes) > 100 * KIB);
  assert.equal(statSync(archive).mode & 0o777, 0o600);
  assert.match((await run('export', archive)).stderr, /is there already/);
  assert.deepEqual(readdirSync(files).toSorted(), ['all.car']);
  assert.equal((await json('import', archive))['present'], 2);
  writeFileSync(join(files, 'cut.car'), 'no archive');
  const cut = await run('import', join(files, 'cut.car'));
  assert.deepEqual(
    [cut.code, cut.stderr.startsWith('maillon: this is no whole archive')],
    [1, true],
    cut.stderr,
  );

  const directory = join(files, 'backup');
  const backup = maillon(t, ['backup', directory, '--admin', admin.url, '--data', kept.data]);
  assert.equal(await backup.exit, 0, backup.stderr);
  assert.match(backup.stdout, /secret +whoever has it/);
  const other = await fetch(`${admin.url}/v1/backup`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${readFileSync(join(kept.data, 'admin.token'), 'utf8').trim()}`,
    },
    body: JSON.stringify({ directory, isCopied: false, data: '/elsewhere' }),
  });
  assert.deepEqual([other.status, ((await other.json()) as { code: string }).code], [409, 'other_node']);
  const wrong = await run('gc', '--admin', 'http://127.0.0.1:1');
  assert.match(wrong.stderr, /port 1 is another protocol's.*--admin/);
  const stranger = await run('gc', '--data', files);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /does not know this token: name the data directory of that node with --data/);
  const token = join(files, 'token');
  writeFileSync(token, 'x'.repeat(43), { mode: 0o600 });
  assert.match((await run('gc', '--admin-token-file', token)).stderr, /does not know this token/);
  assert.ok(
    ['admin.storage.scrub ok', 'admin.storage.export ok', 'admin.backup ok', 'admin.backup refused'].every(
      (one) => events.includes(one),
    ),
    events.join(', '),
  );
});

test('one scrub at a time, and it ends when who asked for it goes', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const config = testConfig(kept.data);
  const admin = createAdmin(
    {
      node: kept.node,
      logger: silentLogger(),
      registry: { contentType: 'text/plain', metrics: () => Promise.resolve('') },
      audit: { fault: null, audit: () => Promise.resolve() },
      probes: () => [],
    },
    { config, build: BUILD },
  );
  await admin.start();
  t.after(() => admin.stop());
  for (let n = 0; n < 4; n++)
    await kept.node.storage.put(named(`blob-${n}`), valueOf(`blob-${n}`, 900 * KIB));
  const leaving = new AbortController();
  const scrub = (signal?: AbortSignal): Promise<Response> =>
    fetch(`${admin.url}/v1/storage/scrub`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${loadToken(tokenFileOf(config))}`,
      },
      body: JSON.stringify({ bytesPerSecond: 20 * KIB }),
      ...(signal === undefined ? {} : { signal }),
    });
  const first = await scrub(leaving.signal);
  assert.equal(first.headers.get('content-type'), 'application/x-ndjson');
  const second = await scrub();
  assert.deepEqual([second.status, ((await second.json()) as { code: string }).code], [409, 'busy']);
  leaving.abort();
  await until('it has ended', () => kept.node.maintenance?.status().scrub.isRunning === false);
});
