import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkHost, checkOrigin, isLoopback } from '../../../../gateway/protection/guard.ts';

const closed = { allowedHosts: [], allowedOrigins: [] };
const open = { allowedHosts: ['gw.example', 'Port.Example:8443'], allowedOrigins: ['https://app.example'] };

describe('Host', () => {
  for (const host of ['localhost', 'LOCALHOST:80', '127.0.0.1:8080', '127.8.9.1', '[::1]', '[::1]:8080']) {
    test(`${host} is this machine`, () => checkHost(host, closed));
  }
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '128.0.0.1',
    '0.0.0.0',
    '[::]',
    '::1',
    '[::1',
    'localhost:',
    'localhost:80:80',
    'localhost@evil.example',
    'localhost.',
    'gw.example',
  ]) {
    test(`${host} is foreign`, () => assert.throws(() => checkHost(host, closed), { code: 'foreign_host' }));
  }
  test('an allowed name holds with any port, one with a port only with that', () => {
    checkHost('gw.example', open);
    checkHost('GW.example:1234', open);
    checkHost('port.example:8443', open);
    assert.throws(() => checkHost('port.example', open), { code: 'foreign_host' });
    assert.throws(() => checkHost('sub.gw.example', open), { code: 'foreign_host' });
  });
});

describe('Origin', () => {
  for (const origin of [
    undefined,
    'http://localhost',
    'https://localhost:3000',
    'http://127.0.0.1:5173',
    'http://[::1]:8080',
  ]) {
    test(`${origin} may ask`, () => checkOrigin(origin, closed));
  }
  for (const origin of [
    'null',
    '',
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://localhost@evil.example',
    'http://localhost/path',
    'file://',
    'chrome-extension://localhost',
    'https://app.example',
    'http://localhost, https://evil.example',
  ]) {
    test(`${origin} may not`, () =>
      assert.throws(() => checkOrigin(origin, closed), { code: 'foreign_origin' }));
  }
  test('an allowed origin holds with its scheme and port only', () => {
    checkOrigin('https://app.example', open);
    assert.throws(() => checkOrigin('http://app.example', open), { code: 'foreign_origin' });
    assert.throws(() => checkOrigin('https://app.example:8443', open), { code: 'foreign_origin' });
  });
});

test('loopback addresses', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '1127.0.0.1', 'fe80::1'])
    assert.ok(!isLoopback(host), host);
});
