import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodsOf } from '../../../../../gateway/http/core/route-methods.ts';

const routes = new Map([
  ['/a', new Set(['GET'])],
  ['/a/:b', new Set(['PUT'])],
  ['/a/:b/*', new Set(['DELETE'])],
]);

test('a path belongs to the route whose pattern it follows', () => {
  const cases: [string, string[] | undefined][] = [
    ['/a', ['GET']],
    ['/a/x', ['PUT']],
    ['/a/', undefined],
    ['/a/x/', ['DELETE']],
    ['/a/x/y//z', ['DELETE']],
    ['/a//y', undefined],
    ['/b', undefined],
    ['', undefined],
  ];
  for (const [path, methods] of cases) {
    const found = methodsOf(routes, path);
    assert.deepEqual(found && [...found], methods, path);
  }
});
