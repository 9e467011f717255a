import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient, type NamespaceView } from '../../gateway/client/index.ts';
import { Person } from '../support/person.ts';
import { until } from '../support/processes.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';

let pair: SitePair;
before(async () => {
  pair = await startPair();
});
after(async () => pair[Symbol.asyncDispose]());

/** The second gateway's view of a namespace, once `is` holds for it. */
async function seenAfar(name: string, is: (view: NamespaceView) => boolean): Promise<NamespaceView> {
  return until(`${name} is seen at the other gateway`, async () => {
    const view = await createClient({ url: pair.b.url }).namespace(name);
    return is(view) && view;
  });
}

test('a namespace is made, shown, changed and handed on', async (t) => {
  const person = new Person(t, pair.a);
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
  const written = await person.ask('put', 'k', 'v', '--namespace', name, '--key', 'bob');
  assert.deepEqual([written.namespace, written.key], [name, 'k']);
});

test('what is not understood is exit code 2', async (t) => {
  const person = new Person(t, pair.a);
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

test('nothing is signed for another swarm than the one that the settings name', async (t) => {
  const person = new Person(t, pair.a);
  person.file('maillon.yaml', 'swarm: elsewhere\n');
  await person.key('alice');
  const { exit, stderr } = await person.run('namespace', 'create', 'team', '--key', 'alice');
  assert.equal(exit, 1);
  assert.match(stderr, /signature/, 'it was made for the other one');
});
