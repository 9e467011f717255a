import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearest } from '../../../../protocols/common/spelling.ts';

test('the nearest name is suggested, a far one is not', () => {
  assert.equal(nearest('gateway.prot', ['gateway.port', 'gateway.host']), 'gateway.port');
  assert.equal(nearest('GATEWAY.PORT', ['gateway.port']), 'gateway.port');
  assert.equal(nearest('xyz', ['gateway.port']), undefined);
  assert.equal(nearest('', []), undefined);
});

test('a name longer than any typing mistake is not compared', () => {
  assert.equal(nearest('a'.repeat(81), ['a'.repeat(80)]), undefined);
});

test('the suggestion reads as a question', () => {
  assert.equal(didYouMean('dta', ['data']), ' (did you mean data?)');
  assert.equal(didYouMean('dta', ['gateway']), '');
});
