import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openState, type State } from '../../gateway/state/index.ts';
import type { Database } from '../../gateway/state/interface.ts';
import { MigratedState } from '../../gateway/state/migrated.ts';
import { MIGRATIONS } from '../../gateway/state/migrations.ts';
import { parseRqliteUrl, RqliteDatabase } from '../../gateway/state/rqlite.ts';
import { SqliteDatabase } from '../../gateway/state/sqlite.ts';
import { testConfig } from '../support/config.ts';
import { scratch, until } from '../support/processes.ts';
import { leaderOf, startRqlite, stateUrl } from '../support/rqlite.ts';
import { silentLogger } from '../support/silent-logger.ts';

const logger = silentLogger();

/** Opens databases with the same content, as several gateways or a restarted one would. */
type Opener = (t: TestContext) => Promise<() => Database>;

const openers: Readonly<Record<string, Opener>> = {
  SQLite: async (t) => {
    const directory = scratch(t);
    return () => closedAfter(t, new SqliteDatabase({ logger }, { directory }));
  },
  rqlite: async (t) => {
    const url = stateUrl(await startRqlite(t));
    return () =>
      closedAfter(t, new RqliteDatabase({ logger }, { ...parseRqliteUrl(url), credentials: null }));
  },
};

function closedAfter<T extends { close(): Promise<void> }>(t: TestContext, database: T): T {
  t.after(() => database.close());
  return database;
}

const NONCE = 'INSERT INTO used_nonces (nonce, claim, ends_at) VALUES (?, ?, ?)';

for (const [kind, opener] of Object.entries(openers)) {
  describe(kind, () => {
    test('keeps what it acknowledged, of every type', async (t) => {
      const open = await opener(t);
      const state = new MigratedState({ database: open() });
      assert.deepEqual(await state.execute([{ sql: NONCE, args: ['n', 'né', 2 ** 52] }]), [
        { rowsAffected: 1 },
      ]);
      await state.close();
      const again = new MigratedState({ database: open() });
      const rows = await again.query(
        'SELECT nonce, claim, ends_at, NULL AS none FROM used_nonces WHERE nonce = ?',
        ['n'],
      );
      assert.deepEqual(JSON.parse(JSON.stringify(rows)), [
        { nonce: 'n', claim: 'né', ends_at: 2 ** 52, none: null },
      ]);
      assert.deepEqual(await again.query('SELECT 1 FROM used_nonces WHERE nonce = ?', ['x']), []);
    });

    test('a transaction happens as a whole or not at all', async (t) => {
      const state = new MigratedState({ database: (await opener(t))() });
      const insert = { sql: NONCE, args: ['a', 'c', 1] };
      await assert.rejects(state.execute([insert, { sql: 'INSERT INTO nowhere VALUES (1)' }]), {
        code: 'state_unavailable',
      });
      assert.match(state.fault ?? '', /no such table/);
      assert.deepEqual(await state.query('SELECT * FROM used_nonces'), []);
      assert.equal(state.fault, null);
    });

    test('of a hundred that claim the same at once one gets it', async (t) => {
      const open = await opener(t);
      const states = [open(), open()].map((database) => new MigratedState({ database }));
      const claims = Array.from({ length: 100 }, async (_, index) => {
        const state = states[index % 2] as State;
        const claim = 'ON CONFLICT (nonce) DO UPDATE SET claim = claim WHERE claim = excluded.claim';
        const [first] = await state.execute([{ sql: `${NONCE} ${claim}`, args: ['one', String(index), 1] }]);
        return first?.rowsAffected;
      });
      const won = (await Promise.all(claims)).filter((rows) => rows === 1);
      assert.equal(won.length, 1);
    });

    test('migrations run once, also when gateways begin together, and one that fails leaves nothing', async (t) => {
      const open = await opener(t);
      const good = { version: 1, name: 'one', statements: [{ sql: 'CREATE TABLE one (a TEXT)' }] };
      const states = [1, 2, 3].map(() => new MigratedState({ database: open() }, { migrations: [good] }));
      await Promise.all(states.map((state) => state.prepare()));
      const bad = {
        version: 2,
        name: 'two',
        statements: [{ sql: 'CREATE TABLE two (a TEXT)' }, { sql: 'CREATE TABLE one (a TEXT)' }],
      };
      const broken = new MigratedState({ database: open() }, { migrations: [good, bad] });
      await assert.rejects(broken.prepare(), { code: 'state_unavailable' });
      const database = open();
      assert.deepEqual(
        (await database.query('SELECT version FROM migrations')).map(({ version }) => version),
        [1],
      );
      assert.deepEqual(await database.query("SELECT name FROM sqlite_schema WHERE name = 'two'"), []);
    });

    test('tables of a newer version are refused by name', async (t) => {
      const open = await opener(t);
      const newer = { version: 99, name: 'future', statements: [] };
      await new MigratedState({ database: open() }, { migrations: [...MIGRATIONS, newer] }).prepare();
      const state = new MigratedState({ database: open() });
      await assert.rejects(state.query('SELECT 1'), { code: 'state_version', message: /version 99/ });
      assert.match(state.fault ?? '', /version 99/);
    });
  });
}

test('SQLite: the file is for its owner alone', async (t) => {
  const data = scratch(t);
  const state = closedAfter(t, openState({ logger }, testConfig(data)));
  await state.prepare();
  assert.equal(statSync(join(data, 'gateway')).mode & 0o777, 0o700);
  for (const file of ['state.db', 'state.db-wal']) {
    assert.equal(statSync(join(data, 'gateway', file)).mode & 0o777, 0o600, file);
  }
});

test('SQLite: a disk that does not take it is a fault that is told, and passes', async (t) => {
  const directory = join(scratch(t), 'state');
  writeFileSync(directory, 'in the way');
  const database = closedAfter(t, new SqliteDatabase({ logger }, { directory }));
  await assert.rejects(database.query('SELECT 1'), { code: 'state_unavailable' });
  assert.notEqual(database.fault, null);
  rmSync(directory);
  mkdirSync(directory);
  await database.query('SELECT 1');
  assert.equal(database.fault, null);
});

test('rqlite: what was acknowledged outlives the leader, and nothing is claimed twice', async (t) => {
  const nodes = await startRqlite(t, { nodes: 3 });
  const open = () =>
    closedAfter(t, new RqliteDatabase({ logger }, { ...parseRqliteUrl(stateUrl(nodes)), credentials: null }));
  const states = [open(), open()].map((database) => new MigratedState({ database }));
  await Promise.all(states.map((state) => state.prepare()));
  const leader = await leaderOf(nodes);
  const acknowledged: string[] = [];
  const upsert = `${NONCE} ON CONFLICT (nonce) DO UPDATE SET claim = claim WHERE claim = excluded.claim`;
  const claim = async (round: number): Promise<void> => {
    const won = await Promise.all(
      states.map(async (state, gateway) => {
        const args = [`nonce ${round}`, `claim ${round} of ${gateway}`, 1];
        const [first] = await state.execute([{ sql: upsert, args }]).catch(() => []);
        return first?.rowsAffected === 1;
      }),
    );
    assert.ok(won.filter(Boolean).length <= 1, `round ${round} was won twice`);
    for (const [gateway, isWon] of won.entries()) {
      if (isWon) acknowledged.push(`claim ${round} of ${gateway}`);
    }
  };
  for (let wave = 0; wave < 40; wave += 5) {
    const underWay = [0, 1, 2, 3, 4].map((index) => claim(wave + index));
    if (wave === 15) leader.process.kill('SIGKILL');
    await Promise.all(underWay);
  }
  await until('the leader is gone', () => leader.process.signalCode === 'SIGKILL');
  const rows = await (states[0] as State).query('SELECT claim FROM used_nonces');
  const kept = new Set(rows.map(({ claim }) => claim));
  assert.deepEqual(
    acknowledged.filter((claim) => !kept.has(claim)),
    [],
  );
  assert.ok(acknowledged.length > 30, `${acknowledged.length} of 40 were won`);
});

test('rqlite: credentials come from a file and are said to the cluster only', async (t) => {
  const directory = scratch(t);
  const auth = join(directory, 'auth.json');
  writeFileSync(auth, JSON.stringify([{ username: 'maillon', password: 'SECRET', perms: ['all'] }]));
  const nodes = await startRqlite(t, { extra: ['-auth', auth] });
  const file = join(directory, 'credentials');
  writeFileSync(file, 'maillon:SECRET\n', { mode: 0o600 });
  const config = testConfig(directory, { 'gateway.state': stateUrl(nodes) });
  const state = closedAfter(t, openState({ logger }, { ...config, 'gateway.stateCredentialsFile': file }));
  await state.prepare();
  assert.equal(state.fault, null);
});

test('addresses that are none, with a password or with another level, are refused', () => {
  for (const url of [
    'http://127.0.0.1:4001',
    'rqlite://',
    'rqlite://host',
    'rqlite://user:secret@host:4001',
    'rqlite://host:4001/db',
    'rqlite://host:4001?level=none',
    `rqlite://${Array.from({ length: 17 }, () => 'h:1').join(',')}`,
  ]) {
    assert.throws(() => parseRqliteUrl(url), { code: 'bad_state_url' }, url);
  }
  assert.deepEqual(parseRqliteUrl('rqlites://a:1,[::1]:2?level=linearizable'), {
    origins: ['https://a:1', 'https://[::1]:2'],
    level: 'linearizable',
  });
});
