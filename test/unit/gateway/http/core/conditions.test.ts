import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ETAGS_MAX } from '../../../../../gateway/core/limits.ts';
import {
  matchesStrongly,
  matchesWeakly,
  parseEtags,
  writeIf,
  writePrecondition,
} from '../../../../../gateway/http/core/conditions.ts';
import { FakeStorage } from '../../../../support/fake-storage.ts';

const name = { owner: '', namespace: 'n', key: 'k' };

test('entity tags are read as RFC 9110 writes them', () => {
  const cases: [string, unknown][] = [
    ['*', '*'],
    [' * ', '*'],
    ['"a"', [{ opaque: '"a"', isWeak: false }]],
    ['W/"a"', [{ opaque: '"a"', isWeak: true }]],
    ['""', [{ opaque: '""', isWeak: false }]],
    [
      '"a,b" ,\t"c"',
      [
        { opaque: '"a,b"', isWeak: false },
        { opaque: '"c"', isWeak: false },
      ],
    ],
    [
      ', "a",, "b",',
      [
        { opaque: '"a"', isWeak: false },
        { opaque: '"b"', isWeak: false },
      ],
    ],
  ];
  for (const [header, list] of cases) assert.deepEqual(parseEtags(header), list, header);
  assert.equal(parseEtags(undefined), undefined);
  for (const bad of [
    '',
    ' ',
    ',',
    'a',
    '"a',
    'a"',
    "'a'",
    'w/"a"',
    '"a" "b"',
    '*, "a"',
    '"a", *',
    '"a\u0001"',
  ]) {
    assert.throws(() => parseEtags(bad), { code: 'bad_etag' }, bad);
  }
  const many = Array.from({ length: ETAGS_MAX + 1 }, (_, i) => `"${i}"`).join();
  assert.throws(() => parseEtags(many), { code: 'bad_etag' });
});

test('a list of entity tags is read in time that grows with its length', () => {
  const long = `"${'a'.repeat(16_000)}`;
  assert.throws(() => parseEtags(long), { code: 'bad_etag' });
  assert.throws(() => parseEtags(' '.repeat(16_000) + 'x'), { code: 'bad_etag' });
  assert.throws(() => parseEtags(','.repeat(16_000)), { code: 'bad_etag' });
});

test('a weak tag is as good as a strong one for reading, and none for writing', () => {
  const weak = parseEtags('W/"a"') ?? [];
  assert.equal(matchesWeakly(weak, '"a"'), true);
  assert.equal(matchesStrongly(weak, '"a"'), false);
  assert.equal(matchesStrongly('*', '"a"'), true);
  assert.equal(matchesWeakly(weak, '"b"'), false);
});

test('conditions of a write that would go unheeded are refused', () => {
  const refused: [Record<string, string>, string][] = [
    [{ 'if-none-match': '"a"' }, 'bad_request'],
    [{ 'if-match': '*', 'if-none-match': '*' }, 'bad_request'],
    [{ 'if-unmodified-since': 'Sat, 21 Nov 2026 12:30:59 GMT' }, 'bad_request'],
    [{ 'if-match': 'a' }, 'bad_etag'],
  ];
  for (const [headers, code] of refused) assert.throws(() => writePrecondition(headers), { code });
  assert.equal(writePrecondition({}), null);
});

test('a tag that no value ever has is not met, without asking', async () => {
  const storage = new FakeStorage();
  const precondition = writePrecondition({ 'if-match': '"other", W/"1-0-x"' });
  const write = writeIf(storage, name, precondition, () => storage.put(name, Buffer.from('x')));
  await assert.rejects(write, { code: 'precondition_failed' });
  assert.deepEqual(storage.calls, []);
});

test('one tag is handed on; of several the value there is has to be one, and to stay', async () => {
  const storage = new FakeStorage();
  const first = await storage.put(name, Buffer.from('1'));
  const put = (header: string) =>
    writeIf(storage, name, writePrecondition({ 'if-match': header }), (condition) =>
      storage.put(name, Buffer.from('new'), condition),
    );
  const second = await put(first.etag);
  await assert.rejects(put(first.etag), { code: 'precondition_failed', detail: { etag: second.etag } });
  const third = await put(`${first.etag}, ${second.etag}`);
  await assert.rejects(put(`${first.etag}, ${second.etag}`), { detail: { etag: third.etag } });

  // it changes between the look and the write
  storage.afterGet = () => storage.put(name, Buffer.from('in between'));
  await assert.rejects(put(`${first.etag}, ${third.etag}`), { code: 'precondition_failed' });
  storage.afterGet = () => storage.put(name, Buffer.from('in between'));
  await put('*');
  assert.equal(Buffer.from((await storage.get(name))?.value ?? []).toString(), 'new');
});

test('any value is asked for where there is none', async () => {
  const storage = new FakeStorage();
  const precondition = writePrecondition({ 'if-match': '*' });
  const write = writeIf(storage, name, precondition, () => storage.put(name, Buffer.from('x')));
  await assert.rejects(write, { code: 'precondition_failed', detail: undefined });
});

test('a value that is there already is a condition not met, whatever the storage calls it', async () => {
  const storage = new FakeStorage();
  const { etag } = await storage.put(name, Buffer.from('1'));
  const write = writeIf(storage, name, { kind: 'absent' }, (condition) =>
    storage.put(name, Buffer.from('2'), condition),
  );
  await assert.rejects(write, { code: 'precondition_failed', detail: { etag } });
});
