/** Roles of joining machines, targets of an invite, and state that is not taken over: real processes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { formatInvite, parseInvite } from '../../protocols/join/index.ts';
import { codeOf, Machine, saidOf } from '../support/machine.ts';
import { maillon, until } from '../support/processes.ts';
import { newSession } from '../support/tenants.ts';

const crypto = createCrypto();
const DAY_MS = 86_400_000;

async function started(t: TestContext, ...args: readonly string[]): Promise<Machine> {
  const machine = new Machine(t);
  await machine.start(args);
  return machine;
}

test('a gateway joins, serves the same namespaces, starts again without the invite, and is no node', async (t) => {
  const issuer = await started(t);
  const { invite } = await issuer.ask('invite', '--role', 'gateway');
  const gateway = new Machine(t);
  const { program } = await gateway.start(['--join', '-', '--yes'], { command: 'gateway', input: invite });
  await issuer.ask('put', 'a', '1');
  assert.equal((await gateway.run(['get', 'a'])).stdout, '1');
  await gateway.ask('put', 'b', '2');
  assert.equal((await issuer.run(['get', 'b'])).stdout, '2');
  assert.equal((await issuer.ask('members')).members[0].role, 'gateway');
  await program.end('SIGTERM');
  const asNode = await saidOf(gateway.spawn([]));
  assert.equal(codeOf(asNode), 'bad_membership');
  assert.match(asNode.stderr, /maillon gateway/);
  await gateway.start([], { command: 'gateway' });
  assert.equal((await gateway.run(['get', 'b'])).stdout, '2');
});

test('a command line joins, and signs with its own key in the namespaces of the owner', async (t) => {
  const issuer = await started(t);
  const { invite } = await issuer.ask('invite', '--role', 'member');
  const member = new Machine(t);
  const joined = await member.run(['join', '-', '--yes', '--json'], invite);
  assert.match(
    joined.stderr,
    /rights +publish and write in .*\n +read there .* once you are signed in and the policy/,
  );
  const { owner, role } = JSON.parse(joined.stdout) as {
    owner: string;
    role: string;
  };
  assert.deepEqual([owner, role], [(await issuer.ask('members')).owner, 'member']);
  const path = join(member.home, '.maillon/membership');
  assert.equal(statSync(path).mode & 0o777, 0o600);

  const url = ['--url', issuer.running.url];
  await member.ask('put', 'from-member', 'hello', ...url);
  assert.equal((await issuer.run(['get', 'from-member'])).stdout, 'hello');
  const listener = issuer.listen('sub', 'news');
  await until('it listens', () => listener.stderr.includes('listening to'));
  await member.ask('pub', 'news', 'signed there', ...url);
  await until('hears it', () => listener.stdout.includes('signed there'));
  const refused = await member.run(['namespace', 'create', 'team', '--json', ...url]);
  assert.equal(codeOf(refused), 'held_elsewhere');

  assert.match((await issuer.run(['members'])).stdout, /\nmember +\S+ +- +/, 'no node is missed');
  const { members } = await issuer.ask('members');
  await issuer.ask('revoke', members[0].peerId);
  assert.equal(codeOf(await member.run(['put', 'later', 'x', '--json', ...url])), 'forbidden');
});

test('an invite for one machine needs nobody to redeem it, and is of no use to another', async (t) => {
  const issuer = await started(t);
  const joiner = new Machine(t);
  await joiner.ask('keys', 'new', 'identity');
  const { keys } = await joiner.ask('keys', 'list');
  const did: string = keys[0].did;
  const said = await issuer.run(['invite', '--to', did]);
  assert.ok(said.stderr.includes(`only the machine ${did} can join, as node`), said.stderr);
  assert.ok(!said.stderr.includes('whoever has it'), said.stderr);
  const invite = said.stdout.trim();
  assert.equal(parseInvite(invite, crypto).secret.byteLength, 0);
  const other = await saidOf(new Machine(t).spawn(['--join', invite, '--yes']));
  assert.equal(codeOf(other), 'chain_refused');
  await issuer.running.program.end('SIGTERM');
  await joiner.start(['--join', invite, '--yes']);
  await issuer.start();
  await until('they meet', async () => (await issuer.ask('members')).members[0].isConnected);
  await joiner.ask('put', 'a', '1');
  assert.equal((await issuer.run(['get', 'a'])).stdout, '1');
});

describe('what an invite leads to', () => {
  test('is the peer id that it pins: an impostor at its address is sent nothing', async (t) => {
    const impostor = await started(t);
    const invite = parseInvite((await impostor.ask('invite')).invite, crypto);
    const pinned = formatInvite({ ...invite, issuer: newSession().author.multikey }, crypto);
    const joiner = new Machine(t);
    const said = await saidOf(joiner.spawn(['--join', pinned, '--yes']));
    assert.equal(codeOf(said), 'join_unreachable');
    assert.match(said.stderr, /is not the issuer.*nothing was sent/);
    assert.equal((await impostor.ask('members')).invites.length, 1, 'it was not used');
    assert.ok(!existsSync(join(joiner.data, 'membership')));
  });

  test('is said where nobody answers', async (t) => {
    const issuer = await started(t);
    const { invite } = await issuer.ask('invite');
    await issuer.running.program.end('SIGTERM');
    const said = await saidOf(new Machine(t).spawn(['--join', invite, '--yes']));
    assert.equal(codeOf(said), 'join_unreachable');
    assert.match(said.stderr, new RegExp(`/tcp/${issuer.running.port}`));
  });
});

describe('data of another owner', () => {
  test('is never taken over: of a node that ran there, of another invite', async (t) => {
    const [first, second] = [await started(t), await started(t)];
    const { invite } = await first.ask('invite');
    const used = await started(t);
    await used.ask('put', 'mine', '1');
    await used.running.program.end('SIGTERM');
    const said = await saidOf(used.spawn(['--join', invite, '--yes']));
    assert.equal(codeOf(said), 'other_owner');
    assert.match(said.stderr, /--data DIR/);
    await used.start();
    assert.equal((await used.run(['get', 'mine'])).stdout, '1');

    const joined = new Machine(t);
    const { program } = await joined.start(['--join', invite, '--yes']);
    await program.end('SIGTERM');
    const { invite: another } = await second.ask('invite');
    assert.equal(codeOf(await saidOf(joined.spawn(['--join', another, '--yes']))), 'other_owner');
    assert.equal((await second.ask('members')).invites.length, 1);
  });

  test('and whoever holds the owner’s key needs no invite', async (t) => {
    const issuer = await started(t);
    const { invite } = await issuer.ask('invite');
    await issuer.running.program.end('SIGTERM');
    const data = join(issuer.home, 'second');
    const said = await saidOf(issuer.spawn(['--data', data, '--join', invite, '--yes']));
    assert.equal(codeOf(said), 'own_invite');
  });
});

test('a private network’s key comes with the invite, and is said when a machine is revoked', async (t) => {
  const key = join(new Machine(t).home, 'swarm.key');
  writeFileSync(key, `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString('hex')}\n`, {
    mode: 0o600,
  });
  const issuer = await started(t, '--network-key-file', key);
  const { invite, hasNetworkKey } = await issuer.ask('invite');
  assert.equal(hasNetworkKey, true);
  const joiner = new Machine(t);
  const { program, peerId } = await joiner.start(['--join', invite, '--yes']);
  await joiner.ask('put', 'a', '1');
  assert.equal((await issuer.run(['get', 'a'])).stdout, '1');
  await program.end('SIGTERM');
  const { outside } = await joiner.ask('backup', join(joiner.home, 'backup'));
  assert.deepEqual(outside, [], 'the backup holds the key that the invite brought');
  await joiner.start();
  assert.equal((await joiner.run(['get', 'a'])).stdout, '1');
  const revoked = await issuer.run(['revoke', peerId]);
  assert.match(revoked.stderr, /still connect, hear every topic and read.*new key into network.keyFile/);
});

describe('a delegation', () => {
  test('renews itself long before it ends', async (t) => {
    const issuer = await started(t);
    const { invite } = await issuer.ask('invite');
    const joiner = new Machine(t);
    const { program } = await joiner.start(['--join', invite, '--yes']);
    const before = (await joiner.status()).operator.endsAt ?? 0;
    await program.end('SIGTERM');
    await issuer.running.program.end('SIGTERM');
    const aheadMs = 40 * DAY_MS;
    await issuer.start([], { aheadMs });
    await joiner.start([], { aheadMs });
    await until(
      'it is renewed',
      async () => ((await joiner.status()).operator.endsAt ?? 0) > before + 39 * DAY_MS,
    );
    await joiner.ask('put', 'a', '1');
    assert.equal((await issuer.run(['get', 'a'])).stdout, '1');
    await joiner.running.program.end('SIGTERM');
    await joiner.start([], { aheadMs });
    assert.ok(((await joiner.status()).operator.endsAt ?? 0) > before + 39 * DAY_MS, 'it is kept');
  });

  test('that cannot be renewed says so before it ends, and what to do', async (t) => {
    const issuer = await started(t);
    const { invite } = await issuer.ask('invite');
    const joiner = new Machine(t);
    const { program } = await joiner.start(['--join', invite, '--yes']);
    await program.end('SIGTERM');
    await issuer.running.program.end('SIGTERM');
    const late = await joiner.start([], { aheadMs: 85 * DAY_MS });
    await until('it says so', async () => (await joiner.status()).operator.fault);
    const { fault } = (await joiner.status()).operator;
    assert.match(fault ?? '', /ends at .*cannot be reached.*maillon invite/s);
    await joiner.ask('pub', 'news', 'still good');
    assert.match(late.program.stderr, /delegation_unrenewed/);
    await late.program.end('SIGTERM');
    await joiner.start([], { aheadMs: 91 * DAY_MS });
    assert.match((await joiner.status()).operator.fault ?? '', /has ended/);
    assert.equal(codeOf(await joiner.run(['pub', 'news', 'too late', '--json'])), 'forbidden');
  });
});

test('the invite is read from a file, too, and is in no log', async (t) => {
  const issuer = await started(t);
  const { invite } = await issuer.ask('invite');
  const joiner = new Machine(t);
  const file = join(joiner.home, 'invite');
  writeFileSync(file, `${invite}\n`, { mode: 0o600 });
  const { program } = await joiner.start(['--join-file', file, '--yes', '--log-level', 'trace']);
  for (const text of [program.stderr, program.stdout, issuer.running.program.stderr]) {
    assert.ok(!text.includes(invite.slice(20, 60)));
  }
  const help = maillon(t, ['invite', '--help']);
  assert.equal(await help.exit, 0);
  assert.match(help.stdout, /--expires/);
});
