import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSession } from '../../../../../gateway/cli/sessions/choose.ts';
import type { StoredSession } from '../../../../../gateway/cli/sessions/session.ts';

function session(
  wallet: string,
  namespace: string,
  signedInAt: number,
  key: string | null = null,
): StoredSession {
  const rest = { gateway: 'http://g', custody: 'gateway', accessToken: 'a', refreshToken: 'r', expiresAt: 0 };
  return { ...rest, wallet, namespace, signedInAt, key: key === null ? null : { name: key, data: null } };
}

const one = session('w1', 'default', 1, 'alice');
const team = session('w1', 'team', 2, 'alice');
const other = session('w2', 'default', 3, 'bob');
const otherTeam = session('w2', 'team', 4, 'bob');
const sessions = [one, team, other, otherTeam];

test('the current session, or of its wallet the one for the namespace that is named', () => {
  const kept = { sessions, current: one, faults: [] };
  assert.equal(chooseSession(kept, {}), one);
  assert.equal(chooseSession(kept, { namespace: 'team' }), team);
  assert.equal(chooseSession(kept, { namespace: 'elsewhere' }), one);
});

test('without a current one the latest, of whoever is named', () => {
  const kept = { sessions, current: null, faults: [] };
  assert.equal(chooseSession(kept, {}), otherTeam);
  assert.equal(chooseSession(kept, { as: 'w1' }), team);
  assert.equal(chooseSession(kept, { as: 'alice', namespace: 'default' }), one);
  assert.equal(chooseSession({ ...kept, current: other }, { as: 'bob' }), other);
  assert.equal(chooseSession(kept, { as: 'carol' }), null);
  assert.equal(chooseSession({ ...kept, sessions: [] }, {}), null);
});

test('a key of the same name in two directories is no answer', () => {
  const kept = { sessions: [one, session('w3', 'default', 5, 'alice')], current: null, faults: [] };
  assert.throws(() => chooseSession(kept, { as: 'alice' }), { code: 'bad_usage' });
});
