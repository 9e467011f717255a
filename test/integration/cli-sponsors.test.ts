/** Naming an operator, and what an operator sees of wallets, from the command line. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAdmin } from '../../gateway/admin/server.ts';
import { createClient } from '../../gateway/client/index.ts';
import { testConfig } from '../support/config.ts';
import { Person } from '../support/person.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { signInSiwx, walletOf } from '../support/sign-in.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';
import { BUILD, startSite } from '../support/start-gateway.ts';

let pair: SitePair;
before(async () => {
  pair = await startPair({ 'storage.sponsored': ['*'] });
});
after(async () => pair[Symbol.asyncDispose]());

test('a key names the operator: what it writes is durable from then on, until it revokes that', async (t) => {
  const person = new Person(t, pair.a);
  const alice = await person.key('alice');
  const operator = pair.a.node.owner;
  const as = ['--namespace', `team@${alice}`, '--key', 'alice'];
  const before = await person.ask('put', 'early', 'v', ...as);
  assert.equal(before.durable, false, 'that the operator takes everything is no promise');
  const named = await person.run('namespace', 'sponsor', operator, '--key', 'alice');
  assert.equal(named.exit, 0, named.stderr);
  assert.equal(
    named.stdout,
    `${operator} accepted: its nodes keep durable replicas of all namespaces of ${alice}\n`,
  );
  const digest = /^maillon namespace revoke ([0-9a-f]{64}) ends it\n$/.exec(named.stderr)?.[1] ?? '';
  await until('the other gateway knows', async () => {
    const view = await createClient({ url: pair.b.url }).namespace(`team@${alice}`);
    return view.sponsors.join() === [alice, operator].join();
  });
  const { stdout } = await person.run('namespace', 'show', `team@${alice}`);
  assert.match(stdout, new RegExp(`^sponsors +${alice}\n +${operator}$`, 'm'));
  const after = await until('it is durable', async () => {
    const written = await person.ask('put', 'late', 'v', ...as);
    return written.durable && written;
  });
  assert.equal(after.expiresAt, null);
  const again = await person.ask('namespace', 'sponsor', operator, '--key', 'alice');
  assert.deepEqual([again.as, again.holder, again.namespace], [operator, alice, '*']);
  await person.ask('namespace', 'revoke', digest, '--key', 'alice');
  await until('it named nobody else', async () => {
    const view = await createClient({ url: pair.b.url }).namespace(`team@${alice}`);
    return view.sponsors.join() === alice;
  });
});

test('only one namespace is named where it is said; for another operator, or unlisted, it is refused and says why', async (t) => {
  const person = new Person(t, pair.a);
  const [bob, other] = [await person.key('bob'), await person.key('other')];
  const operator = pair.a.node.owner;
  const taken = await person.ask('namespace', 'sponsor', operator, '--key', 'bob', '--namespace', 'photos');
  assert.deepEqual([taken.owner, taken.namespace], [bob, 'photos']);
  assert.deepEqual(pair.a.node.namespaces.sponsorsOf(bob, 'photos'), [bob, operator]);
  assert.deepEqual(pair.a.node.namespaces.sponsorsOf(bob, 'default'), [bob]);
  const elsewhere = await person.run('namespace', 'sponsor', other, '--key', 'bob');
  assert.equal(elsewhere.exit, 1);
  assert.match(elsewhere.stderr, new RegExp(`named ${other}, and this node's operator is ${operator}`));
  const { exit, stderr } = await person.run('namespace', 'sponsor', 'bob');
  assert.equal(exit, 2, stderr);
  await using closed = await startSite();
  const there = new Person(t, closed);
  await there.key('carol');
  const refused = await there.run('namespace', 'sponsor', closed.node.owner, '--key', 'carol');
  assert.equal(refused.exit, 1);
  assert.match(refused.stderr, /does not sponsor did:key:.*storage\.sponsored/);
});

test('the operator sees wallets with their usage, and promises one nothing more', async (t) => {
  const tokenFile = join(scratch(t), 'token');
  await using site = await startSite();
  const events: string[] = [];
  const admin = createAdmin(
    {
      node: site.node,
      logger: silentLogger(),
      registry: { contentType: 'text/plain', metrics: () => Promise.resolve('') },
      audit: { fault: null, audit: async ({ event }) => void events.push(event) },
      probes: () => [],
      gateway: site.gateway,
    },
    { config: testConfig(scratch(t), { 'admin.tokenFile': tokenFile }), build: BUILD },
  );
  await admin.start();
  t.after(() => admin.stop());
  const usage = async (...args: string[]) => {
    const program = maillon(t, ['usage', '--admin', admin.url, '--admin-token-file', tokenFile, ...args]);
    return { exit: await program.exit, stdout: program.stdout, stderr: program.stderr };
  };
  const none = await usage();
  assert.equal(none.exit, 0, none.stderr);
  assert.match(none.stdout, /^promised +0 wallets$/m);
  const wallet = await walletOf(41);
  const did = `did:pkh:eip155:1:${wallet.address}`;
  const { access_token: token } = await signInSiwx(site.url, wallet);
  const headers = { authorization: `Bearer ${token}` };
  for (const [key, size] of [
    ['record', 1000],
    ['blob', 100_000],
  ] as const) {
    const put = await fetch(`${site.url}/v1/kv/default/${key}`, {
      method: 'PUT',
      body: 'x'.repeat(size),
      headers,
    });
    assert.equal(put.status, 200, await put.text());
  }
  const shown = JSON.parse((await usage('--json')).stdout);
  assert.deepEqual([shown.promise, shown.promised, shown.wallets.length], ['durable', 1, 1]);
  const [own] = shown.wallets;
  assert.deepEqual([own.wallet, own.isNamed, own.namespaces, own.keys], [did, true, 1, 2]);
  assert.ok(own.bytes > 101_000 && own.bytes < 120_000, `${own.bytes}`);
  assert.ok(Math.abs(own.since - Date.now()) < 60_000);
  assert.match((await usage()).stdout, new RegExp(`^${did} +\\d{4}-\\d\\d-\\d\\d +1 +2 +\\d+`, 'm'));
  const ended = await usage('--end', did);
  assert.deepEqual([ended.exit, ended.stderr], [0, '']);
  assert.ok(events.includes('admin.wallets.end'), events.join());
  assert.deepEqual(site.node.namespaces.sponsorsOf(did, 'default'), [did]);
  assert.equal((await usage('--end', did)).exit, 1, 'nothing is promised any more');
  const refused = await fetch(`${site.url}/v1/kv/default/more`, { method: 'PUT', body: 'x', headers });
  assert.equal(refused.status, 507);
  const kept = await fetch(`${site.url}/v1/kv/default/record`, { headers });
  assert.equal(kept.status, 200, 'what it stored stays');
});
