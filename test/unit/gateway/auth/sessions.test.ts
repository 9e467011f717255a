/** Signing in and refreshing cost the same however many sessions have ended. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { ApiKeys } from '../../../../gateway/auth/api-keys.ts';
import { sweep } from '../../../../gateway/auth/index.ts';
import {
  ACCESS_TOKEN_TTL_MS,
  CLOCK_SKEW_MS,
  REFRESH_TOKENS_PER_SESSION_MAX,
  REVOKED_KEY_KEPT_MS,
  SESSION_TTL_MS,
  SESSIONS_PER_WALLET_MAX,
  SWEEP_BATCH,
} from '../../../../gateway/auth/limits.ts';
import { Secrets } from '../../../../gateway/auth/secrets.ts';
import { Sessions } from '../../../../gateway/auth/sessions.ts';
import { openState, type State, type Statement } from '../../../../gateway/state/index.ts';
import { testConfig } from '../../../support/config.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const holder = { did: 'd', subject: 's', namespace: 'n' };
const subject = { ...holder, delegation: null };
const UNKNOWN = { code: 'unauthenticated' };

/** Sessions in a database of their own, and every statement that was sent to it. */
function make(t: TestContext) {
  const clock = new ManualClock(1_800_000_000_000);
  const data = scratch(t);
  const state = openState({ logger: silentLogger() }, testConfig(data));
  t.after(() => state.close());
  const sent: Statement[] = [];
  const watched: State = {
    prepare: () => state.prepare(),
    close: () => state.close(),
    fault: null,
    query: (sql, args = []) => {
      sent.push({ sql, args });
      return state.query(sql, args);
    },
    execute: (statements) => {
      sent.push(...statements);
      return state.execute(statements);
    },
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await state.query(`SELECT count(*) AS rows FROM ${table}`);
    return Number(row?.['rows']);
  };
  /** How the statements look for their rows. */
  const plans = async (): Promise<string[]> => {
    const details: string[] = [];
    for (const { sql, args } of sent) {
      for (const row of await state.query(`EXPLAIN QUERY PLAN ${sql}`, args))
        details.push(String(row['detail']));
    }
    return details;
  };
  const sessions = new Sessions({ state: watched, clock });
  const apiKeys = new ApiKeys({ state, secrets: new Secrets('x'.repeat(43)), clock });
  const open = () => sessions.open(randomBytes(32).toString('base64url'), subject);
  return { clock, state, watched, sessions, apiKeys, open, count, plans };
}

test('no statement looks at sessions of a wallet that ended, nor through a whole table', async (t) => {
  const { clock, sessions, watched, open, plans } = make(t);
  const { refreshToken } = await open();
  const next = await sessions.refresh(refreshToken, undefined);
  await sessions.end(next.refreshToken, undefined);
  await sessions.endAll('d', { namespace: 'n' });
  await sweep(watched, clock.now());
  const found = await plans();
  assert.ok(
    found.some((detail) => detail.includes('sessions_standing (did=?)')),
    found.join('\n'),
  );
  assert.ok(found.some((detail) => detail.includes('refresh_tokens_session (session=?)')));
  assert.ok(found.some((detail) => detail.includes('api_keys_revoked (revoked_at<?)')));
  const few = /^SCAN CONSTANT ROW$|signing_keys/;
  for (const detail of found) assert.ok(!detail.startsWith('SCAN') || few.test(detail), detail);
});

test('the oldest sessions end for one more', async (t) => {
  const { clock, sessions, open } = make(t);
  const ids: string[] = [];
  for (let n = 0; n < SESSIONS_PER_WALLET_MAX + 2; n += 1) {
    ids.push((await open()).id);
    clock.advance(1);
  }
  const standing = new Set(await sessions.standing(ids));
  assert.deepEqual(
    ids.filter((id) => !standing.has(id)),
    ids.slice(0, 2),
  );
});

test('what was revoked goes when its last access token has ended, however much it is', async (t) => {
  const { clock, state, sessions, open, count } = make(t);
  const stays = await open();
  const gone = await open();
  await sessions.end(gone.refreshToken, undefined);
  const now = clock.now();
  await state.execute([
    {
      sql: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO sessions (id, did, subject, namespace, created_at, ends_at, revoked_at)
        SELECT 'x' || i, 'd', 's', 'n', ?, ?, ? FROM n`,
      args: [2 * SWEEP_BATCH, now, now + SESSION_TTL_MS, now],
    },
  ]);
  clock.advance(ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS);
  await sweep(state, clock.now());
  assert.equal(await count('sessions'), 2 * SWEEP_BATCH + 2);
  clock.advance(1);
  let hadTurn = false;
  setImmediate(() => (hadTurn = true));
  await sweep(state, clock.now());
  assert.deepEqual([await count('sessions'), await count('refresh_tokens')], [1, 1]);
  assert.ok(hadTurn, 'others had their turn');
  await assert.rejects(sessions.refresh(gone.refreshToken, undefined), UNKNOWN);
  assert.notEqual(await sessions.find(stays.id), null);
});

test('a refresh token that was used ends its session, however often that was swept and refreshed since', async (t) => {
  const { clock, state, sessions, open, count } = make(t);
  const first = await open();
  let latest = first;
  for (let n = 0; n < 3; n += 1) {
    latest = await sessions.refresh(latest.refreshToken, undefined);
    clock.advance(SESSION_TTL_MS / 4);
    await sweep(state, clock.now());
  }
  await assert.rejects(sessions.refresh(first.refreshToken, undefined), UNKNOWN);
  assert.equal(await sessions.find(first.id), null);
  await assert.rejects(sessions.refresh(latest.refreshToken, undefined), UNKNOWN);

  // one whose own time is over counts no more, and is kept no longer
  const other = await open();
  clock.advance(SESSION_TTL_MS - 1);
  const renewed = await sessions.refresh(other.refreshToken, undefined);
  clock.advance(2);
  await sweep(state, clock.now());
  assert.equal(await count('refresh_tokens'), 1);
  assert.notEqual(await sessions.find(renewed.id), null);
});

test('a session has so many refresh tokens, then its wallet signs in again', async (t) => {
  const { clock, state, sessions, open, count } = make(t);
  const session = await open();
  await state.execute([
    {
      sql: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO refresh_tokens (hash, session, claim, ends_at) SELECT 'x' || i, ?, 'c', ? FROM n`,
      args: [REFRESH_TOKENS_PER_SESSION_MAX - 2, session.id, clock.now() + SESSION_TTL_MS],
    },
  ]);
  const last = await sessions.refresh(session.refreshToken, undefined);
  await assert.rejects(sessions.refresh(last.refreshToken, undefined), UNKNOWN);
  assert.equal(await count('refresh_tokens'), REFRESH_TOKENS_PER_SESSION_MAX);
  // all are known still
  await assert.rejects(sessions.refresh(session.refreshToken, undefined), UNKNOWN);
  assert.equal(await sessions.find(session.id), null);
});

test('a session ends once', async (t) => {
  const { clock, sessions, open } = make(t);
  const { id, refreshToken } = await open();
  assert.equal((await sessions.end(refreshToken, undefined))?.id, id);
  clock.advance(1);
  assert.equal(await sessions.end(refreshToken, undefined), null);
});

test('a named key is kept for a day after it was revoked, one of a sign-in is counted for ever', async (t) => {
  const { clock, state, apiKeys, count } = make(t);
  const ofSignIn = await apiKeys.ofSignIn(holder);
  const { key } = await apiKeys.create(holder, { name: 'k', scopes: ['read'] });
  await apiKeys.create(holder, { name: 'stays', scopes: ['read'] });
  for (const { id, name } of await apiKeys.list(holder)) {
    if (name !== 'stays') assert.ok(await apiKeys.revoke(holder, id));
  }
  clock.advance(REVOKED_KEY_KEPT_MS);
  await sweep(state, clock.now());
  assert.equal(await count('api_keys'), 3);
  clock.advance(1);
  await sweep(state, clock.now());
  assert.deepEqual(await state.query('SELECT 1 FROM api_keys WHERE id = ?', [key.id]), []);
  assert.equal(await count('api_keys'), 2);
  assert.notEqual(await apiKeys.ofSignIn(holder), ofSignIn);
});
