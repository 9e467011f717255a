/** A second machine joins the first by one line: real processes, each with a HOME and an owner of its own. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { codeOf, Machine, saidOf } from '../support/machine.ts';
import type { Program } from '../support/processes.ts';
import { until } from '../support/processes.ts';

async function invited(t: TestContext, ...args: readonly string[]) {
  const issuer = new Machine(t);
  await issuer.start();
  const { invite, id } = await issuer.ask('invite', ...args);
  return { issuer, invite: String(invite), id: String(id) };
}

/** Waits until what listens has said that it does. */
async function live(program: Program): Promise<void> {
  await until('it listens', () => program.stderr.includes('listening to'));
}

async function heard(program: Program, text: string): Promise<void> {
  await until(`hears ${text}`, () => program.stdout.includes(text));
}

describe('a machine that joined as a node', () => {
  test('means the same by news and by a key, and does so after a restart without the invite', async (t) => {
    const { issuer, invite } = await invited(t);
    const joiner = new Machine(t);
    const first = await joiner.start(['--join', '-', '--yes'], { input: `${invite}\n` });
    assert.equal(statSync(join(joiner.data, 'membership')).mode & 0o777, 0o600);
    assert.ok(
      !existsSync(join(joiner.home, '.maillon/keys/development.key')),
      'it needs no owner of its own',
    );

    const [here, there] = [issuer.listen('sub', 'news'), joiner.listen('sub', 'news')];
    await Promise.all([live(here), live(there)]);
    await issuer.ask('pub', 'news', 'from the first');
    await heard(there, 'from the first');
    await joiner.ask('pub', 'news', 'from the second');
    await heard(here, 'from the second');

    await issuer.ask('put', 'a', '1');
    await joiner.ask('put', 'b', '2');
    assert.equal((await joiner.run(['get', 'a'])).stdout, '1');
    assert.equal((await issuer.run(['get', 'b'])).stdout, '2');

    await first.program.end('SIGTERM');
    const again = await joiner.start();
    assert.equal(again.peerId, first.peerId);
    const after = joiner.listen('sub', 'news');
    await live(after);
    await issuer.ask('pub', 'news', 'after the restart');
    await heard(after, 'after the restart');
    await joiner.ask('put', 'c', '3');
    assert.equal((await issuer.run(['get', 'c'])).stdout, '3');
  });

  test('is listed, says who invited it, and cannot do what takes the owner’s key', async (t) => {
    const { issuer, invite } = await invited(t);
    const joiner = new Machine(t);
    const { peerId } = await joiner.start(['--join', invite, '--yes']);
    const { owner, members, invites } = await issuer.ask('members');
    assert.deepEqual(invites, []);
    assert.equal(members.length, 1);
    assert.equal(members[0].peerId, peerId);
    assert.equal(members[0].role, 'node');
    assert.equal(members[0].isConnected, true);
    assert.ok(members[0].endsAt > Date.now() + 80 * 86_400_000);

    const { operator } = await joiner.status();
    assert.equal(operator.did, owner);
    assert.equal(operator.invitedBy, issuer.running.peerId);
    assert.equal(operator.fault, null);
    assert.equal((await issuer.status()).operator.invitedBy, null);
    const shown = await joiner.run(['status']);
    assert.match(shown.stdout, new RegExp(`owner +${owner}\\n +invited by ${issuer.running.peerId}`));

    const commands = [
      ['invite'],
      ['members'],
      ['revoke', issuer.running.peerId],
      ['namespace', 'create', 'team'],
      ['namespace', 'revoke', owner],
    ];
    for (const command of commands) {
      const said = await joiner.run([...command, '--json']);
      assert.equal(codeOf(said), 'held_elsewhere', command.join(' '));
      assert.match(said.stderr, new RegExp(`invited by ${owner}; run this at the machine`));
    }
  });

  test('is revoked while it is off, and nobody takes what it signs after that', async (t) => {
    const { issuer, invite } = await invited(t);
    const joiner = new Machine(t);
    const { peerId, program } = await joiner.start(['--join', invite, '--yes']);
    await joiner.ask('put', 'before', 'x');
    await program.end('SIGTERM');
    const revoked = await issuer.ask('revoke', peerId);
    assert.deepEqual([revoked.kind, revoked.id, revoked.knowsNetworkKey], ['member', peerId, false]);
    assert.equal((await issuer.ask('members')).members[0].isRevoked, true);
    assert.equal((await issuer.run(['get', 'before'])).stdout, 'x', 'what it wrote before stays');

    await joiner.start();
    await until('it hears that it was revoked', async () => (await joiner.status()).operator.fault);
    assert.match((await joiner.status()).operator.fault ?? '', /revoked this machine/);
    assert.equal(codeOf(await joiner.run(['put', 'after', 'x', '--json'])), 'forbidden');
    const ready = await fetch(`${joiner.running.admin}/readyz`);
    assert.equal(ready.status, 503);
    // and reads on, as maillon revoke says: everybody in a swarm reads everything
    await issuer.ask('put', 'later', 'y');
    await until('it reads what came later', async () => (await joiner.run(['get', 'later'])).stdout === 'y');
  });
});

describe('an invite', () => {
  test('is shown and used only when somebody agrees', async (t) => {
    const { issuer, invite } = await invited(t);
    const joiner = new Machine(t);
    const said = await saidOf(joiner.spawn(['--join', '-'], { input: invite }));
    assert.equal(codeOf(said), 'not_confirmed');
    const { owner } = await issuer.ask('members');
    for (const part of [owner, issuer.running.peerId, 'swarm', 'publish, read and write', '--yes']) {
      assert.ok(said.stderr.includes(part), `${part}: ${said.stderr}`);
    }
    assert.ok(!existsSync(join(joiner.data, 'membership')));
    assert.equal((await issuer.ask('members')).invites.length, 1, 'it was not used');
  });

  test('is good for one key, which may come again', async (t) => {
    const { issuer, invite, id } = await invited(t);
    const [joiner, thief] = [new Machine(t), new Machine(t)];
    const { program } = await joiner.start(['--join', invite, '--yes']);
    const stolen = await saidOf(thief.spawn(['--join', invite, '--yes']));
    assert.equal(codeOf(stolen), 'invite_used');
    assert.ok(!existsSync(join(thief.data, 'membership')));
    await program.end('SIGTERM');
    // as a service's command line says it at every start
    await joiner.start(['--join', invite, '--yes']);
    const { members } = await issuer.ask('members');
    assert.deepEqual(
      members.map(({ inviteId }: { inviteId: string }) => inviteId),
      [id],
    );
  });

  test('that was revoked is refused, and so is one that has expired', async (t) => {
    const { issuer, invite, id } = await invited(t);
    assert.equal((await issuer.ask('revoke', id)).kind, 'invite');
    const refused = await saidOf(new Machine(t).spawn(['--join', invite, '--yes']));
    assert.equal(codeOf(refused), 'invite_revoked');

    const { invite: second } = await issuer.ask('invite', '--expires', '10m');
    await issuer.running.program.end('SIGTERM');
    await issuer.start([], { aheadMs: 11 * 60_000 });
    const late = await saidOf(new Machine(t).spawn(['--join', String(second), '--yes']));
    assert.equal(codeOf(late), 'invite_expired');
    assert.deepEqual((await issuer.ask('members')).invites, []);
  });

  test('is not read to the end of another: damaged, cut, or of another kind', async (t) => {
    const { issuer, invite } = await invited(t, '--role', 'gateway');
    const joiner = new Machine(t);
    const changed = `${invite.slice(0, 40)}${invite[40] === 'A' ? 'B' : 'A'}${invite.slice(41)}`;
    for (const text of [invite.slice(0, -3), changed, 'maillon_invite_', 'hello']) {
      const said = await saidOf(joiner.spawn(['--join', '-', '--yes'], { input: text }));
      assert.equal(codeOf(said), 'invite_malformed', text);
      assert.ok(!said.stderr.includes(invite.slice(20, 60)), 'nothing of a secret is shown');
    }
    const said = await saidOf(joiner.spawn(['--join', invite, '--yes']));
    assert.equal(codeOf(said), 'bad_usage');
    assert.match(said.stderr, /maillon gateway --join/);
    assert.equal((await issuer.ask('members')).invites.length, 1);
  });
});
