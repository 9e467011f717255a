/** Wallets at a gateway whose machine was invited, and so does not hold its operator's key: they delegate to its node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Machine } from '../support/machine.ts';
import { askSiwx, signIn, signInSiwx, walletOf } from '../support/sign-in.ts';

test('a wallet signs in, stores and reads, both in its own namespace and in one that the operator holds', async (t) => {
  const [issuer, gateway] = [new Machine(t), new Machine(t)];
  await issuer.start();
  const { invite } = await issuer.ask('invite', '--role', 'gateway');
  const { url, program } = await gateway.start(['--join', invite, '--yes'], { command: 'gateway' });
  const { author, operator } = await gateway.status();
  assert.notEqual(author, operator.did);

  const wallet = await walletOf(1);
  assert.equal((await askSiwx(url, wallet)).audience, author);
  const delegated = await signInSiwx(url, wallet);
  assert.equal(delegated.custody, 'delegated');
  const held = await signIn(url, wallet);
  // the machine may accept nothing in its operator's name: what a wallet keeps in its own namespace lasts for a day
  const lasting = [
    [delegated, false],
    [held, true],
  ] as const;
  for (const [{ access_token: token }, durable] of lasting) {
    const headers = { authorization: `Bearer ${token}` };
    const written = await fetch(`${url}/v1/kv/default/a`, { method: 'PUT', body: token, headers });
    const receipt = JSON.parse(await written.text());
    assert.equal(written.status, 200, JSON.stringify(receipt));
    assert.deepEqual([receipt.durable, receipt.expiresAt === null], [durable, durable]);
    const read = await fetch(`${url}/v1/kv/default/a`, { headers });
    assert.equal(await read.text(), token);
  }
  const usage = await gateway.ask('usage');
  assert.deepEqual(
    [usage.promise, usage.promised],
    ['day', 1],
    'only the one that the operator holds takes a place',
  );
  assert.equal(program.stderr.match(/kept for a day at most/g)?.length, 1, program.stderr);
});
