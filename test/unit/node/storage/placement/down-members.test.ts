import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOWN_MEMBERS_ASK_MS, DOWN_MEMBERS_ASKED } from '../../../../../node/storage/api/limits.ts';
import { DownMembers } from '../../../../../node/storage/placement/down-members.ts';
import type { GoneMember } from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';

type Said = readonly GoneMember[] | null;

/** A node that knows of as many others as there are answers; null for one that does not answer. */
function make(answers: Said[]) {
  const clock = new ManualClock(1_000_000);
  const learned: (readonly GoneMember[])[] = [];
  const asked: string[] = [];
  const kadId = new Uint8Array(32);
  const list = ['self', ...answers.keys()].map((id) => {
    return { id: String(id), kadId, prefix: 'loopback', isLive: true, operator: '', isReady: false };
  });
  const members = { list, isQuiet: true, learnDown: (gone: readonly GoneMember[]) => learned.push(gone) };
  const ask = (id: string): Promise<never> => {
    asked.push(id);
    const gone = answers[Number(id)] ?? null;
    return gone === null ? Promise.reject(new Error('no answer')) : Promise.resolve({ gone } as never);
  };
  const absentees = new DownMembers({ members, clock, logger: silentLogger(), ask }, { self: 'self' });
  return { absentees, answers, asked, clock, learned, members };
}

const gone = (id: string, forMs: number): GoneMember => ({ id, prefix: 'loopback', operator: '', forMs });

test('whom more than half name is gone, for as long as the one in the middle says', async () => {
  const { absentees, learned } = make([
    [gone('a', 10), gone('b', 1), gone('b', 1), gone('b', 1)],
    [gone('a', 900), gone('c', 5)],
    [gone('a', 20), gone('c', 7)],
    null,
  ]);
  await absentees.tick();
  assert.deepEqual(learned, [[gone('a', 20), gone('c', 7)]]);
});

test('some are asked, once, and again only where there is doubt', async () => {
  const { absentees, asked, clock, learned, members } = make(Array.from({ length: 20 }, () => []));
  members.isQuiet = false;
  await absentees.tick();
  assert.equal(asked.length, 0, 'who still learns of others waits');
  members.isQuiet = true;
  await absentees.tick();
  assert.equal(asked.length, DOWN_MEMBERS_ASKED);
  assert.ok(!asked.includes('self'));
  clock.advance(3_600_000);
  await absentees.tick();
  assert.equal(learned.length, 1);
  absentees.doubt();
  await absentees.tick();
  assert.equal(learned.length, 2);
  absentees.doubt();
  await absentees.tick();
  assert.equal(learned.length, 2, 'not at once');
  clock.advance(DOWN_MEMBERS_ASK_MS);
  await absentees.tick();
  assert.equal(learned.length, 3);
});

test('as long as nobody answers nothing is known, and they are asked again', async () => {
  const { absentees, answers, clock, learned } = make([null, null]);
  await absentees.tick();
  assert.deepEqual(learned, []);
  answers[1] = [];
  await absentees.tick();
  assert.deepEqual(learned, []);
  clock.advance(DOWN_MEMBERS_ASK_MS);
  await absentees.tick();
  assert.deepEqual(learned, [[]]);
});
