import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readSwarmKey } from '../../../../node/network/swarm-key.ts';
import { scratch } from '../../../support/processes.ts';

const SECRET = 'dffb7e3135399a8b1612b2aaca1c36a3a8ac2cd0cca51ceeb2ced87d308cac6d';

function keyFile(t: TestContext, text: string, mode = 0o600): string {
  const path = join(scratch(t), 'swarm.key');
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
}

test('a key file of IPFS is taken, with either line end', (t) => {
  for (const end of ['\n', '\r\n']) {
    const path = keyFile(t, ['/key/swarm/psk/1.0.0/', '/base16/', SECRET, ''].join(end));
    assert.equal(typeof readSwarmKey(path)().protect, 'function');
  }
});

function isRefusalWithoutSecret(error: Error & { code?: string }): boolean {
  return error.code === 'bad_swarm_key' && !error.message.includes(SECRET.slice(0, 4));
}

test('what is no key is refused without a word of what it holds', (t) => {
  for (const text of [
    '',
    SECRET,
    `/key/swarm/psk/2.0.0/\n/base16/\n${SECRET}`,
    `/key/swarm/psk/1.0.0/\n/base64/\n${SECRET}`,
    `/key/swarm/psk/1.0.0/\n/base16/\n${SECRET.slice(2)}`,
    `/key/swarm/psk/1.0.0/\n/base16/\n${SECRET}00`,
    'x'.repeat(5000),
  ]) {
    assert.throws(() => readSwarmKey(keyFile(t, text)), isRefusalWithoutSecret);
  }
});

test('a key that others may read is refused, and one that is not there', (t) => {
  const path = keyFile(t, `/key/swarm/psk/1.0.0/\n/base16/\n${SECRET}\n`, 0o640);
  if (process.platform !== 'win32') {
    assert.throws(() => readSwarmKey(path), { code: 'bad_swarm_key', message: /chmod 600/ });
  }
  assert.throws(() => readSwarmKey('/no/such/file'), { code: 'bad_swarm_key', message: /ENOENT/ });
});
