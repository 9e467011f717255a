import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, errorBody, errorStatus } from '../../../../gateway/core/errors.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';

test('an error outside the table tells a client nothing', () => {
  for (const thrown of [new Error('/etc/secret'), new CodedError('odd', 'inner'), 'text', undefined, null]) {
    assert.deepEqual(errorBody(thrown), { error: ERRORS.internal.meaning, code: 'internal' });
  }
  assert.equal(errorBody(new CodedError('toString', 'inherited')).code, 'internal');
});

test('an error of the table keeps its text and detail and says when to come again', () => {
  assert.deepEqual(errorBody(new CodedError('overloaded', 'busy', { waiting: 3 })), {
    error: 'busy',
    code: 'overloaded',
    detail: { waiting: 3 },
    retryAfter: 1,
  });
  assert.equal(errorStatus('overloaded'), 503);
});

test('every status is one of HTTP errors', () => {
  for (const [code, { status }] of Object.entries(ERRORS)) {
    assert.ok(status === null || (status >= 400 && status < 600), code);
  }
});
