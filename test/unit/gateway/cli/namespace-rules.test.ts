import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RuleOptions, rulesFrom } from '../../../../gateway/cli/namespace/rules.ts';
import { CLOSED_RULES } from '../../../../protocols/namespaces/index.ts';

const ALICE = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
const BOB = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw';

test('what is not said stays as it is', () => {
  const before = { ...CLOSED_RULES, quotaKeys: 3, domains: ['a.example'], isPublic: true };
  assert.deepEqual(rulesFrom(before, {}), before);
  assert.deepEqual(rulesFrom(before, { retention: '90s' }), { ...before, retentionMs: 90_000 });
});

test('lists are as policies have them: ascending in bytes, each one once', () => {
  const { publish, publicTopics } = rulesFrom(CLOSED_RULES, {
    publish: [BOB, ALICE, BOB],
    // in UTF-16 the second one would come first
    publicTopic: ['\uff5a', '\u{1f600}', 'a', 'a'],
  });
  assert.deepEqual(publish, { anyone: false, dids: [ALICE, BOB] });
  assert.deepEqual(publicTopics, ['a', '\uff5a', '\u{1f600}']);
});

test('anyone stands beside DIDs, nobody alone; false takes away', () => {
  assert.deepEqual(rulesFrom(CLOSED_RULES, { read: ['anyone', BOB] }).read, { anyone: true, dids: [BOB] });
  const open = rulesFrom(CLOSED_RULES, { write: ['anyone'], quotaBytes: '0', domain: ['b.example'] });
  assert.deepEqual([open.write.anyone, open.quotaBytes, open.domains], [true, 0, ['b.example']]);
  assert.deepEqual(rulesFrom(open, { write: ['nobody'], quotaBytes: false, domain: false }), CLOSED_RULES);
});

test('what is none is refused, and the option named', () => {
  const cases: [RuleOptions, RegExp][] = [
    [{ publish: ['bob'] }, /^--publish: DID/],
    [{ read: ['nobody', BOB] }, /^--read nobody stands alone/],
    [{ quotaKeys: '1.5' }, /^--quota-keys must be a whole number/],
    [{ quotaBytes: '9999999999999999' }, /^--quota-bytes must be/],
    [{ retention: 'long' }, /^--retention must be/],
    [{ retention: '0' }, /^--retention must be/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => rulesFrom(CLOSED_RULES, options), { code: 'bad_usage', message });
  }
});
