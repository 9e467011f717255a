/** Sign-ins of a gateway whose state was restored from a backup. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiKeys } from '../../../../gateway/auth/api-keys.ts';
import { Nonces } from '../../../../gateway/auth/nonces.ts';
import { endSignIns } from '../../../../gateway/auth/restored.ts';
import { Secrets } from '../../../../gateway/auth/secrets.ts';
import { Sessions } from '../../../../gateway/auth/sessions.ts';
import { openState } from '../../../../gateway/state/index.ts';
import { CLOCK_SKEW_MS } from '../../../../protocols/common/clock.ts';
import { testConfig } from '../../../support/config.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const holder = { did: 'd', subject: 's', namespace: 'n' };

test('sessions and nonces of before a restore have ended, API keys have not unless that is asked for', async (t) => {
  const clock = new ManualClock(1_800_000_000_000);
  const state = openState({ logger: silentLogger() }, testConfig(scratch(t)));
  t.after(() => state.close());
  const secrets = new Secrets('a secret of at least thirty-two characters');
  const nonces = new Nonces({ clock, secrets });
  const sessions = new Sessions({ state, clock });
  const apiKeys = new ApiKeys({ state, secrets, clock });
  const open = () => sessions.open(nonces.issue(holder).nonce, { ...holder, delegation: null });
  const opened = await open();
  const key = await apiKeys.ofSignIn(holder);
  const unspent = nonces.issue(holder).nonce;

  const ended = await endSignIns(state, { now: clock.now(), isRevokingKeys: false });
  assert.deepEqual(ended, { sessions: 1, apiKeys: 1 });
  assert.equal(await sessions.find(opened.id), null);
  await assert.rejects(sessions.refresh(opened.refreshToken, undefined), { code: 'unauthenticated' });
  const late = sessions.open(unspent, { ...holder, delegation: null });
  await assert.rejects(late, { code: 'bad_nonce' }, 'it may have been used after the backup');
  await assert.rejects(open(), { code: 'bad_nonce' }, 'a clock that was ahead can have issued it before');
  clock.advance(CLOCK_SKEW_MS + 1_000);
  const again = await open();
  assert.notEqual(await sessions.find(again.id), null);
  assert.notEqual(await apiKeys.find(key), null);
  assert.equal(await apiKeys.ofSignIn(holder), key);

  await endSignIns(state, { now: clock.now(), isRevokingKeys: true });
  assert.equal(await apiKeys.find(key), null);
  assert.notEqual(await apiKeys.ofSignIn(holder), key);
});
