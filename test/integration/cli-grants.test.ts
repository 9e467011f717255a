import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../gateway/client/index.ts';
import type { Delivery } from '../../node/index.ts';
import { Person } from '../support/person.ts';
import { until } from '../support/processes.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';

let pair: SitePair;
before(async () => {
  pair = await startPair();
});
after(async () => pair[Symbol.asyncDispose]());

test('a grant is used at one gateway and read at another, within its prefix, until it is revoked', async (t) => {
  const person = new Person(t, pair.a);
  const [alice, bob] = [await person.key('alice'), await person.key('bob')];
  // else the operator of the other gateway could not read it
  await person.ask('namespace', 'create', 'team', '--key', 'alice', '--read', pair.b.node.owner);
  const granted = await person.run(
    'namespace',
    'grant',
    'team',
    '--key',
    'alice',
    '--to',
    bob,
    '--prefix',
    'news/',
  );
  assert.equal(granted.exit, 0, granted.stderr);
  assert.match(granted.stdout, /^[\w-]+\n$/);
  const chain = person.file('bob.chain', granted.stdout);
  const as = ['--namespace', 'team', '--key', 'bob', '--chain', chain];

  const put = await person.run(
    'put',
    'news/1',
    'hello',
    ...as,
    '--ttl',
    '1h',
    '--content-type',
    'text/x-test',
  );
  assert.match(put.stdout, /^stored news\/1 on 2 of 2 replicas \(3 wanted\), for 60m, ETag "/, put.stderr);
  const kv = createClient({ url: pair.b.url }).kv(`team@${alice}`);
  const value = await kv.get('news/1');
  assert.deepEqual([value?.text(), value?.author, value?.contentType], ['hello', bob, 'text/x-test']);
  const again = await person.ask('put', 'news/1', 'anew', ...as);
  assert.equal((await kv.get('news/1'))?.etag, again.etag);
  assert.match((await person.run('del', 'news/1', ...as)).stdout, /^deleted news\/1/);
  assert.equal(await kv.get('news/1'), null);

  const heard: Delivery[] = [];
  const topic = { owner: alice, namespace: 'team', topic: 'news/today' };
  pair.b.node.relay.subscribe(topic, (one) => heard.push(one));
  await until('it is heard at the other node', async () => {
    if (heard.length > 0) return true;
    await person.ask('pub', 'news/today', 'breaking', ...as);
    return false;
  });
  assert.deepEqual([heard[0]?.author, Buffer.from(heard[0]?.data ?? []).toString()], [bob, 'breaking']);

  assert.equal(await person.refused('put', 'other', 'v', ...as), 'forbidden');
  assert.equal(await person.refused('pub', 'other', 'm', ...as), 'forbidden');
  assert.equal(
    await person.refused('put', 'news/1', 'v', '--namespace', `team@${alice}`, '--key', 'bob'),
    'forbidden',
  );

  const revoked = await person.run('namespace', 'revoke', granted.stdout.trim(), '--key', 'alice');
  assert.match(revoked.stdout, /^revoked .*: for ever\n$/, revoked.stderr);
  assert.equal(await person.refused('put', 'news/1', 'v', ...as), 'forbidden');
  assert.equal(await person.refused('pub', 'news/today', 'm', ...as), 'forbidden');
});

test('a grant is passed on, never wider; a DID is revoked with all it passed on', async (t) => {
  const person = new Person(t, pair.a);
  const bob = await person.key('bob');
  const carol = await person.key('carol');
  const { owner } = pair.a.node;
  const first = await person.ask(
    'namespace',
    'grant',
    '*',
    '--to',
    bob,
    '--prefix',
    'a/',
    '--expires',
    'never',
  );
  assert.deepEqual([first.issuer, first.expiry, first.actions], [owner, null, ['publish', 'read', 'write']]);
  const chain = person.file('bob.chain', `${first.chain.join('\n')}\n`);
  const pass = async (...args: readonly string[]) => {
    const from = ['--to', carol, '--key', 'bob', '--chain', chain];
    const { stdout } = await person.run('namespace', 'grant', 'default', ...from, ...args);
    return person.file('carol.chain', stdout);
  };
  const as = async (...args: readonly string[]) => ['--key', 'carol', '--chain', await pass(...args)];
  const wider = await as('--prefix', '', '--actions', 'write');
  assert.equal(await person.refused('put', 'a/b/c', 'v', ...wider), 'forbidden');
  const past = await as('--prefix', 'a/b/', '--expires', '2020-01-01T00:00:00Z');
  assert.equal(await person.refused('put', 'a/b/c', 'v', ...past), 'forbidden');
  const narrow = await as('--prefix', 'a/b/', '--actions', 'write');
  // of the gateway's own namespace, as its clients name it
  assert.equal((await person.ask('put', 'a/b/c', 'v', ...narrow)).namespace, 'default');
  assert.equal(await person.refused('put', 'a/c', 'v', ...narrow), 'forbidden');
  const { target } = await person.ask('namespace', 'revoke', bob);
  assert.equal(target, bob);
  assert.equal(await person.refused('put', 'a/b/c', 'w', ...narrow), 'forbidden');
});
