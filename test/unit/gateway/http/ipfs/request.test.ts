import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf, readIpfsRequest } from '../../../../../gateway/http/ipfs/request.ts';

const CAR = { kind: 'car', isBlock: false, hasDuplicates: true, range: null };

test('the form is what the query says, else what is liked best of what there is', () => {
  for (const [query, accept, form] of [
    [{ format: 'raw' }, undefined, { kind: 'raw' }],
    [{ format: 'raw' }, 'application/vnd.ipld.car', { kind: 'raw' }],
    [{ format: 'car' }, 'text/html', CAR],
    [{}, 'application/vnd.ipld.raw', { kind: 'raw' }],
    [{}, 'text/html, application/vnd.ipld.car;q=0.5, application/vnd.ipld.raw;q=0.4', CAR],
    [{}, 'application/vnd.ipld.car;q=0, application/vnd.ipld.raw;q=0.1', { kind: 'raw' }],
    [{}, 'Application/Vnd.Ipld.Car; version=1; order=DFS; dups="n"', { ...CAR, hasDuplicates: false }],
    [{ format: 'car' }, 'application/vnd.ipld.car; dups=n', { ...CAR, hasDuplicates: false }],
    [{ format: 'car', 'car-dups': 'y' }, 'application/vnd.ipld.car; dups=n', CAR],
    [{ format: 'car', 'dag-scope': 'block' }, undefined, { ...CAR, isBlock: true }],
    [{ format: 'car', 'entity-bytes': '-5:*' }, undefined, { ...CAR, range: { from: -5, to: null } }],
  ] as const) {
    assert.deepEqual(readIpfsRequest(query, accept), form);
  }
});

test('what is not given is refused by name', () => {
  for (const accept of [undefined, '', '*/*', 'application/json', 'application/vnd.ipld.car; version=2']) {
    assert.throws(() => readIpfsRequest({}, accept), { code: 'not_acceptable' });
  }
  for (const query of [{ 'car-order': 'bfs' }, { 'car-dups': 'maybe' }, { 'car-version': '2' }]) {
    assert.throws(() => readIpfsRequest({ format: 'car', ...query }, undefined), { code: 'not_acceptable' });
  }
  for (const range of ['', '1', '1:', ':1', '*:1', '1:2:3', '1e3:*', '9999999999999999:*']) {
    assert.throws(() => readIpfsRequest({ format: 'car', 'entity-bytes': range }, undefined), {
      code: 'bad_request',
    });
  }
});

test('ranges end within the file', () => {
  for (const [from, to, start, end] of [
    [0, null, 0, 100],
    [10, 19, 10, 20],
    [-10, null, 90, 100],
    [-500, -1, 0, 100],
    [50, -60, 50, 50],
    [200, null, 100, 100],
    [99, 500, 99, 100],
  ] as const) {
    assert.deepEqual(rangeOf({ from, to }, 100), { start, end }, `${from}:${to}`);
  }
  assert.deepEqual(rangeOf(null, 0), { start: 0, end: 0 });
});
