import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import { newSession, startTenantNodes, written } from '../support/tenants.ts';

test('the share of those without a sponsor is free again when what was in it has ended', async (t) => {
  const real = Date.now.bind(Date);
  t.after(() => {
    Date.now = real;
  });
  const [a] = (await startTenantNodes(t, 1, { 'storage.capacityBytes': 2_000_000 })) as [MaillonNode];
  const owner = newSession();
  const room: number[] = [];
  for (let day = 0; day < 4; day++) {
    Date.now = () => real() + day * 25 * 3_600_000;
    await until('what was written has ended', () => a.storage.status().records === 0);
    let count = 0;
    for (; count < 400; count++) {
      const key = `${day}/${count}/`.padEnd(900, 'k');
      if (
        (await codeOf(a.storage.submitSigned(written({ owner: owner.did, by: owner, key, text: 'x' })))) !==
        null
      )
        break;
    }
    room.push(count);
  }
  assert.ok((room[3] ?? 0) >= (room[0] ?? 0) / 2, `records that there was room for, by day: ${room.join()}`);
});
