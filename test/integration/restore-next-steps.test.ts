/** An operator restores the first machine while the other one is gone for good: each next step that it names works. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMembers } from '../../node/storage/placement/members-file.ts';
import { codeOf, Machine, saidOf } from '../support/machine.ts';
import { scratch, until } from '../support/processes.ts';
import { silentLogger } from '../support/silent-logger.ts';

test('a restored node whose other machine is gone says to revoke it, and then serves', async (t) => {
  const [issuer, joiner] = [new Machine(t), new Machine(t)];
  await issuer.start();
  const { invite } = await issuer.ask('invite');
  const { peerId, program } = await joiner.start(['--join', invite, '--yes']);
  await issuer.ask('put', 'key', 'value');
  await until('both are replicas', async () => {
    const { holders } = await issuer.ask('storage', 'where', 'key');
    return holders.length === 2 && holders.every(({ isSynced }: { isSynced: boolean }) => isSynced);
  });
  const file = join(issuer.data, 'storage/members');
  await until('the other one is on disk, as a sponsor', () =>
    readMembers(file, silentLogger())?.members.some(({ id, operator }) => id === peerId && operator),
  );
  const { invite: open } = await issuer.ask('invite');
  const directory = join(scratch(t), 'backup');
  await issuer.ask('backup', directory);
  await program.end('SIGTERM');
  await issuer.running.program.end('SIGTERM');

  rmSync(issuer.data, { recursive: true });
  const restored = await issuer.run(['restore', directory, '--data', issuer.data]);
  assert.equal(restored.exit, 0, restored.stderr);
  for (const step of [/revoke those that are gone/, /see maillon members/, /all open invites have ended/]) {
    assert.match(restored.stdout, step);
  }
  await issuer.start();
  const refused = [
    [['get', 'key'], /insufficient_replicas/],
    [['list'], /list_incomplete/],
    // its own disk may have it, and does not count
    [['put', 'other', 'x', '--durability', 'one'], /insufficient_replicas|outcome_unknown/],
  ] as const;
  for (const [command, code] of refused) {
    const said = await issuer.run([...command, '--json']);
    assert.match(codeOf(said), code, command.join(' '));
    assert.match(said.stderr, /was restored.*revoke those that are gone/, command.join(' '));
  }
  const late = await saidOf(new Machine(t).spawn(['--join', open, '--yes']));
  assert.equal(codeOf(late), 'invite_revoked');
  assert.match(late.stderr, /restored from a backup, which ends all open invites/);

  await issuer.ask('revoke', peerId);
  await until('it serves', async () => (await issuer.run(['get', 'key'])).stdout === 'value');
  await until('it says why', () => issuer.running.program.stderr.includes('restored_reconciled'));
  assert.match(issuer.running.program.stderr, /or there are none/);
});
