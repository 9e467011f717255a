import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { createClient, type NamespaceView } from '../../gateway/client/index.ts';
import type { Delivery } from '../../node/index.ts';
import { OWNER_KEY_VARIABLE, ownerKeyPath } from '../support/owner.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';

let pair: SitePair;
before(async () => {
  pair = await startPair();
});
after(async () => pair[Symbol.asyncDispose]());

/** Somebody at a terminal, with keys of their own. */
class Person {
  readonly directory: string;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    this.directory = scratch(t);
  }

  /** Runs a command to its end, at the first gateway. */
  async run(...args: readonly string[]) {
    const env = {
      MAILLON_DATA: join(this.directory, 'data'),
      MAILLON_URL: pair.a.url,
      [OWNER_KEY_VARIABLE]: ownerKeyPath(),
    };
    const program = maillon(this.#t, args, { env, cwd: this.directory });
    const exit = await program.exit;
    return { exit, stdout: program.stdout, stderr: program.stderr };
  }

  /** What it says with `--json`. Fails when it fails. */
  // oxlint-disable-next-line typescript/no-explicit-any -- every command has another shape; the test looks at it
  async ask(...args: readonly string[]): Promise<any> {
    const { exit, stdout, stderr } = await this.run(...args, '--json');
    assert.equal(exit, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** The code of the error with which it fails. */
  async refused(...args: readonly string[]): Promise<string> {
    const { exit, stdout, stderr } = await this.run(...args, '--json');
    assert.notEqual(exit, 0, `${args.join(' ')} said ${stdout}`);
    return JSON.parse(stderr).code;
  }

  /** Makes a key, and gives its DID. */
  async key(name: string): Promise<string> {
    return (await this.ask('keys', 'new', name)).did;
  }

  /** A file with what a grant printed. */
  file(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }
}

/** What the second gateway knows of a namespace, once `is` holds of it. */
async function seenAfar(name: string, is: (view: NamespaceView) => boolean): Promise<NamespaceView> {
  return until(`${name} is seen at the other gateway`, async () => {
    const view = await createClient({ url: pair.b.url }).namespace(name);
    return is(view) && view;
  });
}

test('every command explains itself with examples', async (t) => {
  const person = new Person(t);
  const verbs = ['create', 'set', 'show', 'grant', 'revoke', 'transfer'];
  for (const args of [
    ['namespace'],
    ...verbs.map((verb) => ['namespace', verb]),
    ['pub'],
    ['put'],
    ['del'],
  ]) {
    const { exit, stdout } = await person.run(...args, '--help');
    assert.equal(exit, 0);
    assert.match(stdout, /Examples:\n {2}\$ .*maillon/, args.join(' '));
    assert.match(stdout, /--json/, args.join(' '));
    if (args.length > 1) assert.match(stdout, /--key <name>[^]*--chain <file>/, args.join(' '));
  }
});

test('a namespace is made, shown, changed and handed on', async (t) => {
  const person = new Person(t);
  const [alice, bob] = [await person.key('alice'), await person.key('bob')];
  const as = ['--key', 'alice'];
  const rules = ['--publish', bob, '--read', 'anyone', '--quota-keys', '100', '--retention', '7d'];
  const made = await person.run(
    'namespace',
    'create',
    'team',
    ...as,
    ...rules,
    '--public-topic',
    'news/',
    'alerts/',
  );
  assert.equal(made.exit, 0, made.stderr);
  assert.equal(made.stdout, `policy 1 of team@${alice}, held by ${alice}\n`);
  const name = `team@${alice}`;
  const view = await seenAfar(name, ({ sequence }) => sequence === 1);
  assert.deepEqual(view.rules, {
    publish: { anyone: false, dids: [bob] },
    write: { anyone: false, dids: [] },
    read: { anyone: true, dids: [] },
    publicTopics: ['alerts/', 'news/'],
    isPublic: false,
    quotaBytes: null,
    quotaKeys: 100,
    retentionMs: 7 * 86_400_000,
    domains: [],
  });
  assert.deepEqual(
    await person.ask('namespace', 'show', name),
    await person.ask('namespace', 'show', 'team', ...as),
  );
  const { stdout } = await person.run('namespace', 'show', name);
  assert.match(
    stdout,
    new RegExp(`holder +${alice}\npolicy +number 1, of .*\npublish +the holder\n +${bob}\n`),
  );
  assert.equal(await person.refused('namespace', 'create', 'team', ...as), 'policy_conflict');
  assert.equal(
    await person.refused('namespace', 'set', name, '--key', 'bob', '--write', 'anyone'),
    'forbidden',
  );

  await person.ask(
    'namespace',
    'set',
    'team',
    ...as,
    '--publish',
    'nobody',
    '--no-public-topic',
    '--no-retention',
  );
  const changed = await seenAfar(name, ({ sequence }) => sequence === 2);
  assert.deepEqual(
    [
      changed.rules.publish.dids,
      changed.rules.publicTopics,
      changed.rules.retentionMs,
      changed.rules.quotaKeys,
    ],
    [[], [], null, 100],
  );
  const moved = await person.ask('namespace', 'transfer', 'team', ...as, '--to', bob);
  assert.deepEqual([moved.sequence, moved.holder], [3, bob]);
  await seenAfar(name, ({ holder }) => holder === bob);
  assert.equal(await person.refused('put', 'k', 'v', '--namespace', name, ...as), 'forbidden');
  assert.equal(await person.refused('namespace', 'transfer', 'team', ...as, '--to', alice), 'forbidden');
  const written = await person.ask('put', 'k', 'v', '--namespace', name, '--key', 'bob');
  assert.deepEqual([written.namespace, written.key], [name, 'k']);
  await person.ask('namespace', 'set', name, '--key', 'bob', '--write', 'anyone');
  await seenAfar(name, ({ rules }) => rules.write.anyone);
  await person.ask('put', 'k', 'of the former holder', '--namespace', name, ...as);
});

test('a grant is used at one gateway and read at another, within its prefix, until it is revoked', async (t) => {
  const person = new Person(t);
  const [alice, bob] = [await person.key('alice'), await person.key('bob')];
  await person.ask('namespace', 'create', 'team', '--key', 'alice');
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
  assert.match(put.stdout, /^stored news\/1 on 2 of 2 home replicas, for 60 min, ETag "/, put.stderr);
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
  const person = new Person(t);
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
  const future = await as('--prefix', 'a/b/', '--not-before', '1h');
  assert.equal(await person.refused('put', 'a/b/c', 'v', ...future), 'forbidden');
  const narrow = await as('--prefix', 'a/b/', '--actions', 'write');
  // of the gateway's own namespace, as its clients name it
  assert.equal((await person.ask('put', 'a/b/c', 'v', ...narrow)).namespace, 'default');
  assert.equal(await person.refused('put', 'a/c', 'v', ...narrow), 'forbidden');
  const { target } = await person.ask('namespace', 'revoke', bob);
  assert.equal(target, bob);
  assert.equal(await person.refused('put', 'a/b/c', 'w', ...narrow), 'forbidden');
});

test('what is not understood is exit code 2', async (t) => {
  const person = new Person(t);
  const chain = person.file('bad.chain', 'what is this\n');
  const cases: [string[], RegExp][] = [
    [['namespace', 'create'], /missing required argument 'name'/],
    [['namespace', 'create', 'x', '--publish', 'bob'], /--publish: DID/],
    [['namespace', 'grant', 'x'], /required option '--to <did>'/],
    [['namespace', 'grant', 'x', '--to', 'did:pkh:eip155:1:0x0'], /--to/],
    [['namespace', 'grant', 'x', '--to', pair.a.node.owner, '--expires', 'soon'], /--expires must be/],
    [['namespace', 'revoke', 'nothing!'], /name a DID, the digest/],
    [['put', 'k', 'v', '--chain', chain], /line 1 of the chain is no base64url/],
    [['put', 'k', 'v', '--key', 'identity', '--if-absent'], /do not go with --key/],
    [['put', 'k', 'v', '--key', 'Bad Name'], /cannot be a key's name/],
  ];
  for (const [args, message] of cases) {
    const { exit, stderr } = await person.run(...args);
    assert.equal(exit, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.match(stderr, /^maillon: [^\n]+\n$/, 'one line');
  }
  assert.equal(await person.refused('put', 'k', 'v', '--key', 'none'), 'no_such_key');
});
