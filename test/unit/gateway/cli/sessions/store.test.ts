import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SESSIONS_PER_GATEWAY_MAX } from '../../../../../gateway/cli/sessions/limits.ts';
import type { StoredSession } from '../../../../../gateway/cli/sessions/session.ts';
import { SessionStore } from '../../../../../gateway/cli/sessions/store.ts';
import { scratch } from '../../../../support/processes.ts';

const GATEWAY = 'https://gateway.example';
const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

function session(change: Partial<StoredSession> = {}): StoredSession {
  return {
    gateway: GATEWAY,
    wallet: 'wallet-1',
    namespace: 'default',
    custody: 'gateway',
    key: { name: 'alice', data: '/data' },
    accessToken: 'access',
    refreshToken: 'refresh',
    expiresAt: 2,
    signedInAt: 1,
    ...change,
  };
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ parentPath, name }) => join(parentPath, name));
}

test('sessions of several gateways, wallets and namespaces are kept side by side, one is the current one', async (t) => {
  const store = new SessionStore({ directory: join(scratch(t), 'sessions') });
  assert.deepEqual([store.list(), store.at(GATEWAY).sessions], [[], []]);
  const all = [
    session(),
    session({ namespace: 'team' }),
    session({ wallet: 'wallet-2', key: null }),
    session({ gateway: 'http://127.0.0.1:8080' }),
  ];
  for (const one of all) {
    await store.holding(one.gateway, ({ save, choose }) => {
      save(one);
      choose(one);
    });
  }
  for (const one of all) assert.deepEqual(store.find(one), one);
  assert.deepEqual([store.at(GATEWAY).sessions.length, store.at(GATEWAY).current], [3, all[2]]);
  assert.equal(store.list().flatMap(({ sessions }) => sessions).length, 4);
  await store.holding(GATEWAY, ({ remove }) => remove(session({ wallet: 'wallet-2' })));
  assert.deepEqual([store.at(GATEWAY).sessions.length, store.at(GATEWAY).current], [2, null]);
});

test('nobody else may read them, also when somebody has made them readable', { skip: noModes }, async (t) => {
  const directory = join(scratch(t), 'sessions');
  const store = new SessionStore({ directory });
  await store.holding(GATEWAY, ({ save }) => save(session()));
  const [file = ''] = filesIn(directory);
  const modes = () => [directory, join(file, '..'), file].map((path) => statSync(path).mode & 0o777);
  assert.deepEqual(modes(), [0o700, 0o700, 0o600]);
  assert.ok(!file.includes('wallet') && !file.includes('gateway.example'));
  chmodSync(directory, 0o755);
  chmodSync(file, 0o644);
  await store.holding(GATEWAY, () => store.find(session()));
  assert.deepEqual(modes(), [0o700, 0o700, 0o600]);
});

test('a file that is damaged, too large or of another version is told by name, and the others are read', async (t) => {
  const directory = join(scratch(t), 'sessions');
  const store = new SessionStore({ directory });
  await store.holding(GATEWAY, ({ save }) => save(session({ refreshToken: 'very-secret' })));
  const [file = ''] = filesIn(directory);
  const whole = readFileSync(file, 'utf8');
  await store.holding(GATEWAY, ({ save }) => save(session({ namespace: 'team' })));
  const cases: [string, string][] = [
    [whole.slice(0, -20), 'bad_session_file'],
    ['', 'bad_session_file'],
    ['[]', 'bad_session_file'],
    [whole.replace('"very-secret"', '7'), 'bad_session_file'],
    [whole.replace('"version":1', '"version":2'), 'session_version'],
    [whole + ' '.repeat(20_000), 'bad_session_file'],
  ];
  for (const [text, code] of cases) {
    writeFileSync(file, text);
    assert.throws(
      () => store.find(session()),
      (error: Error & { code: string }) => error.code === code && !error.message.includes('secret'),
      text.slice(0, 40),
    );
    const { sessions, faults } = store.at(GATEWAY);
    assert.deepEqual(
      [sessions.map(({ namespace }) => namespace), faults.length, faults[0]?.code],
      [['team'], 1, code],
    );
  }
  const [fault] = store.at(GATEWAY).faults;
  if (fault !== undefined) store.discard(fault);
  assert.deepEqual([store.find(session()), store.at(GATEWAY).faults], [null, []]);
});

test('of several that change something at once each sees what the one before has done', async (t) => {
  const directory = join(scratch(t), 'sessions');
  await new SessionStore({ directory }).holding(GATEWAY, ({ save }) => save(session({ expiresAt: 0 })));
  const count = async (): Promise<void> => {
    const store = new SessionStore({ directory });
    await store.holding(GATEWAY, async ({ save }) => {
      const before = store.find(session());
      // whoever did not wait would write the same number
      await new Promise((resolve) => setImmediate(resolve));
      save(session({ expiresAt: (before?.expiresAt ?? 0) + 1 }));
    });
  };
  await Promise.all(Array.from({ length: 8 }, count));
  assert.equal(new SessionStore({ directory }).find(session())?.expiresAt, 8);
});

test('there is room for so many', async (t) => {
  const store = new SessionStore({ directory: join(scratch(t), 'sessions') });
  await store.holding(GATEWAY, ({ save }) => {
    for (let i = 0; i < SESSIONS_PER_GATEWAY_MAX; i += 1) save(session({ namespace: `n${i}` }));
    assert.throws(() => save(session({ namespace: 'more' })), { code: 'too_many_sessions' });
    save(session({ namespace: 'n0', expiresAt: 9 }));
  });
  assert.equal(store.find(session({ namespace: 'n0' }))?.expiresAt, 9);
});
