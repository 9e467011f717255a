import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { decodeEnvelope } from '../../../../protocols/relay/index.ts';
import { decodeRecord } from '../../../../protocols/storage/index.ts';
import { ClientKey } from '../../../support/client-author.ts';

const crypto = createCrypto();
const OWNER = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
const TOPIC = { owner: OWNER, namespace: 'n', topic: 't' };
const RECORD = { owner: OWNER, namespace: 'n', key: 'k', value: Uint8Array.of(1) };

test('messages to a topic are counted without holes, in one epoch, what was refused left out', async () => {
  const author = new ClientKey().author();
  const next = async (topic: string, count: number) => {
    const messages = Array.from({ length: count }, () => Uint8Array.of(1));
    const { sequence, epoch } = decodeEnvelope(
      await author.signEnvelope({ ...TOPIC, topic, messages }),
      crypto,
    );
    return { sequence, epoch };
  };
  const first = await next('t', 2);
  assert.equal(first.sequence, 1);
  await assert.rejects(next('t', 0), { code: 'envelope_field' });
  await assert.rejects(next('', 1), { code: 'envelope_field' });
  assert.deepEqual(await next('t', 1), { sequence: 3, epoch: first.epoch });
  assert.equal((await next('other', 1)).sequence, 1);
});

test('versions of records rise, also above one that is ahead; a tombstone has no value', async () => {
  const author = new ClientKey().author([Uint8Array.of(1, 2)]);
  const one = decodeRecord(await author.signRecord(RECORD), crypto);
  const two = decodeRecord(await author.signRecord({ ...RECORD, value: null }), crypto);
  assert.ok(two.ms > one.ms || (two.ms === one.ms && two.counter > one.counter));
  assert.deepEqual([one.kind, two.kind, two.value.byteLength, one.chain.length], [0, 1, 0, 1]);
  const after = { ms: one.ms + 5000, counter: 7 };
  const above = decodeRecord(await author.signRecord({ ...RECORD, after }), crypto);
  assert.deepEqual([above.ms, above.counter], [after.ms, 8]);
  await assert.rejects(author.signRecord({ ...RECORD, key: '' }), { code: 'record_field' });
});
