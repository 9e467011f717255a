import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { OperatorCheck } from '../../../../gateway/auth/operator.ts';
import { type Config, DEFAULTS } from '../../../../node/index.ts';

type Request = Parameters<OperatorCheck['principalOf']>[0];

function request(address: string, headers: Readonly<Record<string, string>>, httpVersion = '1.1'): Request {
  const client = { address, isLocal: !('x-forwarded-for' in headers), charged: [] };
  return { client, headers, raw: { httpVersion } as Request['raw'], socket: new Socket() };
}

async function kindOf(settings: Partial<Config>, asked: Request): Promise<string> {
  const check = new OperatorCheck(
    { logger: { warn: () => undefined } },
    { config: { ...DEFAULTS, ...settings } },
  );
  const principal = await check.principalOf(asked);
  if (principal.kind !== 'anonymous') return principal.kind;
  return principal.notOperator === undefined ? 'anonymous' : 'refused';
}

const ANY = { 'gateway.operatorUids': ['any'] };

test('where users do not count the request decides', async () => {
  for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '127.1.2.3', '[::1]:8080']) {
    assert.equal(await kindOf(ANY, request('127.0.0.1', { host })), 'operator', host);
  }
  const refused: [string, Request][] = [
    ['another Host', request('127.0.0.1', { host: 'gw.example' })],
    ['a Host that only begins so', request('127.0.0.1', { host: 'localhost.example' })],
    ['no Host', request('127.0.0.1', {})],
    ['HTTP/1.0', request('::1', { host: 'localhost' }, '1.0')],
    ['a proxy that says so', request('127.0.0.1', { host: 'localhost', 'x-forwarded-for': '127.0.0.1' })],
  ];
  for (const [what, asked] of refused) assert.equal(await kindOf(ANY, asked), 'refused', what);
});

test('a connection whose user nobody can tell is not the operator’s', async (t) => {
  if (process.platform !== 'linux') return t.skip('Linux lists sockets');
  // a socket that is connected to nothing stands in no table
  assert.equal(await kindOf({}, request('127.0.0.1', { host: 'localhost' })), 'refused');
});

test('a client elsewhere is anonymous, and so is every client where credentials are required', async () => {
  assert.equal(await kindOf(ANY, request('192.0.2.1', { host: 'localhost' })), 'anonymous');
  const required = { ...ANY, 'gateway.auth': 'required' as const };
  assert.equal(await kindOf(required, request('127.0.0.1', { host: 'localhost' })), 'anonymous');
});
