import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import {
  type DatabaseKind,
  numberOf,
  openDatabase,
  openOrReplace,
  openReadOnly,
} from '../../../../node/disk/database.ts';
import { DatabaseDamage } from '../../../../node/disk/database-faults.ts';

const KIND: DatabaseKind = {
  applicationId: 0x4d61695f,
  formatVersion: 3,
  content: 'tests',
  versionError: 'storage_version',
  setup: 'PRAGMA page_size = 8192;',
  tables: 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;',
  synchronous: 'FULL',
  cacheKib: 1024,
  logKeptBytes: 2 ** 20,
};

function pathOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-database-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'files', 'notes.db');
}

/** A file with one note. */
function made(t: TestContext): string {
  const path = pathOf(t);
  openDatabase(path, KIND, (database) => database.exec("INSERT INTO notes VALUES (1, 'first')")).close();
  return path;
}

function changed(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function notesOf(database: DatabaseSync): unknown[] {
  const notes = database.prepare('SELECT text FROM notes').all();
  database.close();
  return notes.map(({ text }) => text);
}

test('a new file has its tables, its mark, what it is filled with, and only its owner reads it', (t) => {
  const path = pathOf(t);
  const database = openDatabase(path, KIND, (created) =>
    created.exec("INSERT INTO notes VALUES (1, 'first')"),
  );
  for (const [pragma, value] of [
    ['application_id', KIND.applicationId],
    ['user_version', KIND.formatVersion],
    ['page_size', 8192],
    ['journal_mode', 'wal'],
    ['synchronous', 2],
    ['cache_size', -KIND.cacheKib],
    ['journal_size_limit', KIND.logKeptBytes],
  ] as const) {
    assert.equal(numberOf(database, pragma), value, pragma);
  }
  const folder = join(path, '..');
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const names = readdirSync(folder).toSorted();
  assert.deepEqual(names, ['notes.db', 'notes.db-shm', 'notes.db-wal']);
  for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  assert.deepEqual(notesOf(database), ['first']);
  assert.deepEqual(notesOf(openDatabase(path, KIND, () => assert.fail('it is filled once'))), ['first']);
});

test('one whose making was broken off is made', (t) => {
  const path = made(t);
  writeFileSync(path, '');
  assert.deepEqual(notesOf(openDatabase(path, KIND)), []);
});

test('every damage is told as such, and a new file begins', (t) => {
  const damages: readonly [string, (path: string) => void][] = [
    ['a header that lets SQLite only read', (path) => overwritten(path, 18, 9)],
    ['no database', (path) => writeFileSync(path, Buffer.alloc(8192, 7))],
    ['a table of another form', (path) => changed(path, 'ALTER TABLE notes ADD COLUMN more TEXT')],
    ['another table', (path) => changed(path, 'CREATE TABLE others (id INTEGER)')],
    ['a table less', (path) => changed(path, 'DROP TABLE notes; CREATE TABLE others (id INTEGER)')],
    ['another program', (path) => changed(path, 'PRAGMA application_id = 1')],
    ['a page that is none', (path) => overwritten(path, 8192, 99)],
  ];
  for (const [name, damage] of damages) {
    const path = made(t);
    damage(path);
    const before = readFileSync(path);
    assert.throws(() => openDatabase(path, KIND), DatabaseDamage, name);
    assert.ok(existsSync(path), `${name}: opening alone moves nothing`);
    const { database, damage: found } = openOrReplace(path, KIND);
    assert.equal(found?.aside, `${path}.damaged`, name);
    assert.notEqual(found.reason, '', name);
    assert.deepEqual(notesOf(database), [], name);
    assert.equal(readFileSync(found.aside).length, before.length, name);
  }
});

function overwritten(path: string, at: number, byte: number): void {
  const bytes = readFileSync(path);
  bytes[at] = byte;
  writeFileSync(path, bytes);
}

test('another version is refused by name and stays where it is', (t) => {
  const path = made(t);
  changed(path, 'PRAGMA user_version = 4');
  const error = { code: 'storage_version', message: /the database of tests has format 4, .* or a newer one/ };
  assert.throws(() => openOrReplace(path, KIND), error);
  changed(path, 'PRAGMA user_version = 3');
  assert.deepEqual(notesOf(openDatabase(path, KIND)), ['first']);
});

test('a file that another process has is neither damaged nor moved', (t) => {
  const path = made(t);
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM notes');
  assert.throws(() => openOrReplace(path, KIND), /database is locked/);
  assert.ok(!existsSync(`${path}.damaged`));
});

test('what only reads changes nothing, and makes no files beside a final one', (t) => {
  const path = made(t);
  const reader = openReadOnly(path);
  assert.throws(() => reader.exec('DELETE FROM notes'), /readonly/);
  assert.deepEqual(notesOf(reader), ['first']);
  const final = made(t);
  assert.deepEqual(notesOf(openReadOnly(final, { isFinal: true })), ['first']);
  assert.deepEqual(readdirSync(join(final, '..')), ['notes.db']);
  overwritten(path, 19, 9);
  assert.throws(() => openReadOnly(path), DatabaseDamage);
  assert.throws(
    () => openReadOnly(`${path}.none`),
    (error) => !(error instanceof DatabaseDamage),
  );
});
