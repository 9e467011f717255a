import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dispositionOf, splitName, withName } from '../../../../../gateway/http/compat/file-names.ts';
import { readContentType } from '../../../../../gateway/http/kv/value-headers.ts';
import { CONTENT_TYPE_MAX_LENGTH } from '../../../../../protocols/storage/constants.ts';

test('a name goes into the type of a value and comes out again', () => {
  for (const name of ['a.txt', 'Grüße (1).pdf', 'it\'s; a="b"', '😀', '%41', '../../etc/passwd', 'a\r\nb']) {
    const type = withName('text/plain; charset=utf-8', name);
    assert.equal(readContentType(type), type, name);
    assert.deepEqual(splitName(type), { contentType: 'text/plain; charset=utf-8', name });
  }
  assert.deepEqual(splitName(withName('', 'a')), { contentType: 'application/octet-stream', name: 'a' });
  assert.equal(withName('a/b', ''), 'a/b');
  assert.deepEqual(splitName('a/b'), { contentType: 'a/b', name: '' });
  assert.equal(withName(withName('a/b', 'first'), 'second'), withName('a/b', 'second'), 'one name only');
  assert.equal(splitName("a/b;name*=UTF-8''%ff").name, '', 'what is no UTF-8 is none');
});

test('of any name as much is kept as fits, in whole characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const type = withName('image/png', name);
      assert.ok(type.length <= CONTENT_TYPE_MAX_LENGTH);
      assert.equal(readContentType(type), type);
      assert.ok(name.toWellFormed().startsWith(splitName(type).name));
    }),
  );
  const long = 'я'.repeat(200);
  const kept = splitName(withName('image/png', long)).name;
  assert.ok(kept.length > 30 && long.startsWith(kept));
});

test('a header with a name in it is one line of ASCII', () => {
  assert.equal(dispositionOf(''), 'attachment');
  assert.equal(dispositionOf('ä"\r\n.txt'), "attachment; filename*=UTF-8''%C3%A4%22%0D%0A.txt");
});
