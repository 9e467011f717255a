import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Member } from '../sim/storage/member.ts';
import type { Site } from '../sim/storage/site.ts';
import { until } from '../support/processes.ts';

const DAY_MS = 24 * 3_600_000;
/** Less than tombstones live: who was away for so long is trusted as before. Twice that is more. */
const STEP_MS = 5 * DAY_MS;
const CLOCK = new URL('../support/clock-shift.ts', import.meta.url);
const SWEEP_PATIENCE_MS = 120_000;
/** How long the one that comes back is asked for what is gone, at the least. */
const ASKS = 40;

function aheadBy(ms: number): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${CLOCK.href}`, CLOCK_AHEAD_MS: `${ms}` };
}

/** Tombstones that a node made floors of. */
async function collected({ admin }: Member): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^maillon_storage_tombstones_collected_total (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Fails when any way of reading gives what was deleted. */
async function assertGone(site: Site, key: string): Promise<void> {
  for (const consistency of ['one', 'default', 'majority'] as const) {
    const read = await site.get(key, consistency);
    assert.notEqual(read.kind, 'value', `${site.name}, ${consistency}: ${JSON.stringify(read)}`);
  }
}

test('a replica away for longer than tombstones live brings nothing back', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-away-'));
  const members: Member[] = [];
  t.after(async () => {
    await Promise.all(members.map((member) => member.kill()));
    rmSync(directory, { recursive: true, force: true });
  });
  for (const name of ['a', 'b', 'away']) {
    const bootstrap = members.slice(0, 1).map(({ address }) => address);
    const member = new Member(name, {
      directory,
      bootstrap,
      flags: ['--admin-enabled', '--admin-port', '0'],
    });
    members.push(member);
    await member.start();
  }
  const [a, b, away] = members as [Member, Member, Member];
  await until('all know all', async () => {
    return (await Promise.all(members.map(({ site }) => site.replicas()))).every((count) => count === 3);
  });
  for (const key of ['gone', 'kept', 'changed']) {
    await until('it is written to all', async () => {
      return (await a.site.put(key, `first ${key}`, { durability: 'all' })).kind === 'acked';
    });
  }
  await away.kill();
  assert.equal((await a.site.delete('gone')).kind, 'acked');
  assert.equal((await a.site.put('changed', 'second')).kind, 'acked');

  for (const ahead of [STEP_MS, 2 * STEP_MS]) {
    await Promise.all([a.kill(), b.kill()]);
    for (const member of members) member.env = aheadBy(ahead);
    await Promise.all([a.start(), b.start()]);
    await assertGone(a.site, 'gone');
  }
  await until(
    'the tombstone is collected',
    async () => (await collected(a)) > 0 && (await collected(b)) > 0,
    SWEEP_PATIENCE_MS,
  );
  await assertGone(a.site, 'gone');

  // those two were gone at once, and count again when they have reconciled
  await until('the two count again', async () => {
    const holders = await b.site.where('gone');
    return holders.filter(({ isLive, isSynced }) => isLive && isSynced === true).length === 2;
  });
  // with one other only, and then with both
  await a.kill();
  await away.start();
  for (let ask = 0; ask < ASKS; ask++) {
    await assertGone(away.site, 'gone');
    await assertGone(b.site, 'gone');
    const changed = await away.site.get('changed', 'one');
    assert.ok(changed.kind !== 'value' || changed.text === 'second', JSON.stringify(changed));
  }
  await a.start();
  await until('it counts again', async () => {
    const holders = await away.site.where('gone');
    return holders.length === 3 && holders.every(({ isLive, isSynced }) => isLive && isSynced === true);
  });
  for (const { site } of members) {
    await assertGone(site, 'gone');
    const kept = await site.get('kept');
    assert.ok(kept.kind === 'value' && kept.text === 'first kept', JSON.stringify(kept));
    const changed = await site.get('changed');
    assert.ok(changed.kind === 'value' && changed.text === 'second', JSON.stringify(changed));
    const listed = await site.list('');
    assert.deepEqual(typeof listed === 'string' ? listed : listed.map(({ key }) => key), ['changed', 'kept']);
  }
  await b.kill();
  await assertGone(away.site, 'gone');
  await assertGone(a.site, 'gone');
});
