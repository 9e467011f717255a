import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type AuditEvent, AuditLog, verifyFile, verifyLog } from '../../../../gateway/audit/index.ts';
import { AUDIT_REFUSALS_BURST } from '../../../../gateway/core/limits.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const FILE_BYTES = 1024;

function logIn(directory: string, init: { fileBytes?: number; files?: number } = {}) {
  const clock = new ManualClock(1_800_000_000_000);
  const components = { clock, logger: silentLogger() };
  return { clock, log: new AuditLog(components, { directory, fileBytes: 2 ** 20, files: 8, ...init }) };
}

const numbered = (n: number): AuditEvent => ({
  event: 'auth.key',
  outcome: 'ok',
  actor: 'did:key:z6Mk',
  address: '192.0.2.1',
  detail: { n },
});

/** A log of `count` events in a directory of its own. */
async function written(t: TestContext, count: number, init: { fileBytes?: number; files?: number } = {}) {
  const directory = join(scratch(t), 'audit');
  const { log } = logIn(directory, init);
  await log.start();
  for (let n = 1; n <= count; n++) await log.audit(numbered(n));
  await log.stop();
  return directory;
}

function linesIn(directory: string, name = 'audit.log'): string[] {
  return readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1);
}

function rewrite(directory: string, lines: readonly string[], name = 'audit.log'): void {
  writeFileSync(join(directory, name), lines.map((line) => `${line}\n`).join(''));
}

/** Problems of the log, each with the line in its file. */
async function problems(directory: string): Promise<string[]> {
  return (await verifyLog(directory)).problems.map(({ line, what }) => `${line}: ${what}`);
}

test('events become lines that name the one before, for their owner alone', async (t) => {
  const directory = await written(t, 3);
  const [first, second] = linesIn(directory).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(first, {
    v: 1,
    seq: 1,
    time: '2027-01-15T08:00:00.000Z',
    event: 'auth.key',
    outcome: 'ok',
    actor: 'did:key:z6Mk',
    address: '192.0.2.1',
    detail: { n: 1 },
    prev: '0'.repeat(64),
  });
  assert.match(String(second?.['prev']), /^[0-9a-f]{64}$/);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const name of readdirSync(directory)) {
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  }
  const { lines, first: from, last, problems: found } = await verifyLog(directory);
  assert.deepEqual([lines, from, last?.seq, found], [3, 1, 3, []]);
});

test('it goes on after a restart, with what came before the start', async (t) => {
  const directory = await written(t, 3);
  const { log } = logIn(directory);
  const early = log.audit(numbered(4));
  await log.start();
  await early;
  await Promise.all([5, 6, 7].map(async (n) => log.audit(numbered(n))));
  await log.stop();
  await log.stop();
  await log.start();
  await log.audit(numbered(8));
  await log.stop();
  assert.deepEqual(
    linesIn(directory).map((line) => (JSON.parse(line) as { detail: { n: number } }).detail.n),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.deepEqual(await problems(directory), []);
});

test('a removed, changed, inserted or cut line is found, and where', async (t) => {
  const directory = await written(t, 6);
  const good = linesIn(directory);
  const without = (n: number): string[] => good.filter((_, index) => index !== n - 1);
  const changed = (n: number): string[] =>
    good.map((line, index) => (index === n - 1 ? line.replace('192.0.2.1', '192.0.2.2') : line));
  const forged = good[2]?.replace('"auth.key"', '"auth.other"') ?? '';
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['the first removed', without(1), /^1: line 1 of the log is missing at the beginning/],
    ['one removed', without(3), /^3: line 3 of the log is missing before it/],
    [
      'two removed',
      without(3).filter((_, n) => n !== 2),
      /^3: lines 3 to 4 of the log are missing before it/,
    ],
    ['the last removed', without(6), /^5: line 6 of the log is missing at the end/],
    ['all removed', [], /^0: lines 1 to 6 of the log are missing at the end/],
    ['one changed', changed(4), /^4: line 4 of the log was changed/],
    ['the last changed', changed(6), /^6: line 6 of the log was changed: the head/],
    ['one inserted', [...good.slice(0, 3), forged, ...good.slice(3)], /^4: line 3 .*where 4 belongs/],
    ['nonsense inserted', [...good.slice(0, 3), '{}', ...good.slice(3)], /^4: it is no line of an audit log/],
    ['two exchanged', [...good.slice(0, 2), ...good.slice(2, 4).toReversed(), ...good.slice(4)], /^3: /],
    ['a field added', good.map((line, n) => (n === 1 ? line.replace('{', '{"x":1,') : line)), /^2: /],
  ];
  for (const [what, lines, message] of cases) {
    rewrite(directory, lines);
    assert.match((await problems(directory))[0] ?? '', message, what);
  }
  rewrite(directory, good);
  truncateSync(join(directory, 'audit.log'), good.join('\n').length - 20);
  assert.match((await problems(directory))[0] ?? '', /^6: the line is cut off/);
  rewrite(directory, good);
  assert.deepEqual(await problems(directory), []);
  rmSync(join(directory, 'head'));
  assert.match((await problems(directory))[0] ?? '', /^6: there is no head/);
});

test('whichever byte is changed, it is found', async (t) => {
  const directory = await written(t, 4);
  const path = join(directory, 'audit.log');
  const good = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.byteLength - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ mask;
      writeFileSync(path, bad);
      assert.notDeepEqual(await problems(directory), []);
    }),
    { numRuns: 200 },
  );
});

test('what is missing stays missing after a restart', async (t) => {
  const directory = await written(t, 6);
  rewrite(directory, linesIn(directory).slice(0, 4));
  const { log } = logIn(directory);
  await log.start();
  await log.audit(numbered(7));
  await log.stop();
  assert.match((await problems(directory))[0] ?? '', /^5: lines 5 to 6 of the log are missing before it/);
  assert.match(linesIn(directory)[4] ?? '', /"audit\.broken".*"found":4,"known":6/);
});

test('a line that was half written when the process died is mended, and the log says so', async (t) => {
  const directory = await written(t, 2);
  appendFileSync(join(directory, 'audit.log'), '{"v":1,"seq":3,"ti');
  const { log } = logIn(directory);
  await log.start();
  await log.stop();
  assert.deepEqual(await problems(directory), []);
  assert.match(linesIn(directory)[2] ?? '', /"audit\.repaired".*"bytes":18/);
});

test('a head that is behind by what was written last is no problem', async (t) => {
  const directory = await written(t, 2);
  const head = readFileSync(join(directory, 'head'));
  const { log } = logIn(directory);
  await log.start();
  await log.audit(numbered(3));
  await log.stop();
  writeFileSync(join(directory, 'head'), head);
  assert.deepEqual(await problems(directory), []);
});

test('files are begun anew by size, and the chain goes through all of them', async (t) => {
  const directory = await written(t, 30, { fileBytes: FILE_BYTES, files: 100 });
  const names = readdirSync(directory).filter((name) => name.startsWith('audit-'));
  assert.ok(names.length > 3);
  const { lines, files, last, problems: found } = await verifyLog(directory);
  assert.deepEqual([lines, files, last?.seq, found], [30, names.length + 1, 30, []]);
  const [, second = ''] = names.toSorted();
  assert.deepEqual((await verifyFile(join(directory, second))).problems, [], 'one file by itself');
  rmSync(join(directory, second));
  assert.match((await problems(directory))[0] ?? '', /^1: lines \d+ to \d+ of the log are missing before it/);
});

test('a file right after the log began a new one is not lost on a restart', async (t) => {
  const directory = await written(t, 30, { fileBytes: FILE_BYTES, files: 100 });
  const older = readdirSync(directory)
    .filter((name) => name.startsWith('audit-'))
    .toSorted();
  const last = JSON.parse(linesIn(directory, older.at(-1) ?? '').at(-1) ?? '') as { seq: number };
  // as if it had died between the rename and the first line of the new file
  rmSync(join(directory, 'audit.log'));
  rmSync(join(directory, 'head'));
  writeFileSync(
    join(directory, 'head'),
    JSON.stringify({ v: 1, seq: last.seq - 1, hash: hashBefore(directory, older.at(-1) ?? '') }),
  );
  const { log } = logIn(directory);
  await log.start();
  await log.audit(numbered(99));
  await log.stop();
  assert.deepEqual(await problems(directory), []);
});

/** The hash that the last line of a file names. */
function hashBefore(directory: string, name: string): string {
  return (JSON.parse(linesIn(directory, name).at(-1) ?? '') as { prev: string }).prev;
}

test('the oldest files go, the log says so, and only they may be missing', async (t) => {
  const directory = await written(t, 40, { fileBytes: FILE_BYTES, files: 3 });
  const older = (): string[] =>
    readdirSync(directory)
      .filter((name) => name.startsWith('audit-'))
      .toSorted();
  assert.equal(older().length, 2);
  const { first, problems: found } = await verifyLog(directory);
  assert.ok(first !== null && first > 1);
  assert.deepEqual(found, []);
  rmSync(join(directory, older()[0] ?? ''));
  assert.match(
    (await problems(directory))[0] ?? '',
    /^1: lines 1 to \d+ of the log are missing at the beginning/,
  );
});

test('credentials are not written down, and long texts are cut', async (t) => {
  const directory = join(scratch(t), 'audit');
  const { log } = logIn(directory);
  await log.start();
  const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
  const key = 'ak_AAECAwQFBgcICQoLDA0ODxAR:default';
  await log.audit({
    event: 'auth.credential',
    outcome: 'refused',
    actor: `Bearer ${jwt}`,
    detail: { key, url: `/x?token=${jwt}`, header: 'ApiKey s3cr3t', long: 'y'.repeat(10_000), line: 'a\nb' },
  });
  await log.stop();
  const text = readFileSync(join(directory, 'audit.log'), 'utf8');
  for (const secret of [jwt, 'eyJ', key, 'ak_', 's3cr3t']) assert.ok(!text.includes(secret), secret);
  assert.equal(text.split('\n').length, 2);
  assert.ok(text.length < 2_000);
});

test('a flood of refusals is counted, not written, and does not hide what else happens', async (t) => {
  const directory = join(scratch(t), 'audit');
  const { log, clock } = logIn(directory);
  await log.start();
  const refuse = async (): Promise<void> => log.audit({ event: 'auth.credential', outcome: 'refused' });
  for (let n = 0; n < AUDIT_REFUSALS_BURST + 50; n++) void refuse();
  await log.audit(numbered(1));
  clock.advance(10_000);
  await refuse();
  const lines = linesIn(directory).map((line) => JSON.parse(line) as { event: string; detail?: object });
  assert.ok(lines.length <= AUDIT_REFUSALS_BURST + 3);
  assert.ok(lines.some(({ event }) => event === 'auth.key'));
  const last = lines.at(-1)?.detail as { suppressed: number } | undefined;
  assert.equal(lines.length - 2 + (last?.suppressed ?? 0), AUDIT_REFUSALS_BURST + 50);
  await log.stop();
  assert.deepEqual(await problems(directory), []);
});

test('a log that cannot be written says so, keeps what waits, and goes on when it can', async (t) => {
  const root = scratch(t);
  const directory = join(root, 'audit');
  const { log } = logIn(directory, { fileBytes: 1024 });
  await log.start();
  for (let n = 1; n <= 6; n++) await log.audit(numbered(n));
  assert.equal(log.fault, null);
  rmSync(directory, { recursive: true });
  await log.audit(numbered(7));
  assert.match(log.fault ?? '', /ENOENT/);
  mkdirSync(directory);
  await log.audit(numbered(8));
  assert.equal(log.fault, null);
  await log.stop();
  const { lines, last } = await verifyLog(directory);
  assert.deepEqual([lines, last?.seq], [2, 9], 'the eighth event, and that the log is broken');
  assert.match((await problems(directory))[0] ?? '', /lines 1 to 7 of the log are missing/);
});
