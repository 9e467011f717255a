import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { readKey } from '../../../../../node/disk/key-file.ts';
import { createStoreMetrics } from '../../../../../node/storage/store/metrics.ts';
import { WriteQueue } from '../../../../../node/storage/store/write-queue.ts';
import { CodedError } from '../../../../../protocols/common/errors.ts';
import { Program, scratch, until } from '../../../../support/processes.ts';
import { heldIn, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const WRITER = fileURLToPath(new URL('../../../../support/store-writer.ts', import.meta.url));
const STRACE = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed';
const NOW = 1_000_000;
const KILLS = 5;

function acknowledged(output: string): string[] {
  return output.split('\n').flatMap((line) => /^acknowledged (\S+)$/.exec(line)?.[1] ?? []);
}

test('what was acknowledged before a kill -9 is there afterwards', async (t) => {
  const data = scratch(t);
  const keys: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const first = kill * 1_000_000;
    const program = new Program(t, process.execPath, [WRITER, data, `${first}`, '0', '32']);
    const enough = 1 + Math.floor(Math.random() * 400);
    await until('acknowledgements', () => acknowledged(program.stdout).length >= enough);
    await program.end('SIGKILL');
    keys.push(...acknowledged(program.stdout));
  }
  const store = openStore(data);
  t.after(() => store.close());
  assert.ok(keys.length >= KILLS);
  for (const key of keys) {
    const held = store.get(PLACE, key, NOW);
    assert.ok(held !== null && 'record' in held, `${key} was acknowledged`);
  }
  const total = store.totals(PLACE.namespaceId);
  assert.equal(total?.keys, (await heldIn(store)).length, 'counts are those of the records');
  assert.equal(
    (await store.put({ place: PLACE, record: storable({ key: 'on' }), condition: null })).status,
    'stored',
  );
});

test('the log is synced before the acknowledgement leaves', { skip: STRACE }, async (t) => {
  const data = scratch(t);
  const trace = join(data, 'trace');
  const calls = 'trace=openat,close,fsync,fdatasync,pwrite64,write';
  const args = ['-f', '-o', trace, '-e', calls, '-s', '64', process.execPath, WRITER, data, '0', '5', '1'];
  const program = new Program(t, 'strace', args);
  assert.equal(await program.exit, 0, program.stderr);
  assert.equal(acknowledged(program.stdout).length, 5);
  const proof = followSyncs(readFileSync(trace, 'utf8'));
  assert.equal(proof.length, 5);
  for (const { written, synced } of proof) assert.ok(written > 0 && synced, JSON.stringify(proof));
  const unsynced = readFileSync(trace, 'utf8').replace(/^.*(fsync|fdatasync).*$/gm, '');
  assert.ok(
    followSyncs(unsynced).every(({ synced }) => !synced),
    'nothing is proven where nothing is synced',
  );
});

/** For each acknowledgement: how often the log was written since the one before, and whether a sync of it ended last. */
function followSyncs(trace: string): { written: number; synced: boolean }[] {
  const proof: { written: number; synced: boolean }[] = [];
  const logs = new Set<string>();
  const unfinished = new Map<string, string>();
  let written = 0;
  let synced = false;
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) unfinished.set(thread, text);
    const call = text.startsWith('<...') ? `${unfinished.get(thread) ?? ''} ${text}` : text;
    const isOver = !text.endsWith('<unfinished ...>');
    const log = /openat\([^"]*"[^"]*records\.db-wal".*= (\d+)/.exec(call)?.[1];
    if (log !== undefined && isOver) logs.add(log);
    const descriptor = /^(\w+)\((\d+)/.exec(call);
    const isLog = logs.has(descriptor?.[2] ?? '');
    if (isLog && descriptor?.[1] === 'pwrite64') {
      written += 1;
      synced = false;
    }
    if (isLog && isOver && /^f(data)?sync/.test(call) && call.endsWith(' = 0')) synced = true;
    if (isLog && isOver && descriptor?.[1] === 'close') logs.delete(descriptor[2] ?? '');
    if (text.startsWith('write(1, "acknowledged')) {
      proof.push({ written, synced });
      written = 0;
    }
  }
  return proof;
}

/** Ends the thread in which the store writes, as a crash of it does. */
function crashWriters(t: { after: (hook: () => void) => void }): { crash: () => Promise<unknown> } {
  const workers: Worker[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- called with the worker it was called on
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (...args) {
    workers.push(this);
    Reflect.apply(post, this, args);
  };
  t.after(() => {
    Worker.prototype.postMessage = post;
  });
  return { crash: async () => workers.at(-1)?.terminate() };
}

test('when the writing thread ends what waits is refused by name, and the next write begins another', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const { crash } = crashWriters(t);
  const put = (key: string) => store.put({ place: PLACE, record: storable({ key }), condition: null });
  for (let round = 0; round < 3; round++) {
    assert.equal((await put(`before ${round}`)).status, 'stored');
    const results = Array.from({ length: 600 }, (_, index) =>
      put(`${round}/${index}`).then(
        () => 'stored',
        (error: unknown) => (error instanceof CodedError ? error.code : error),
      ),
    );
    await until('a batch is under way', () => store.waiting > 0);
    await crash();
    const outcomes = await Promise.all(results);
    assert.deepEqual(
      outcomes.filter((outcome) => outcome !== 'stored' && outcome !== 'outcome_unknown'),
      [],
    );
    assert.ok(outcomes.includes('outcome_unknown'));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome === 'stored') assert.ok(store.get(PLACE, `${round}/${index}`, NOW), 'acknowledged');
    }
  }
  assert.equal((await put('after')).status, 'stored');
  assert.equal(store.metrics.writerFailures, 3);
  // it ends while it has nothing to do
  await crash();
  await until('the end is seen', () => store.metrics.writerFailures === 4);
  assert.equal((await put('after that')).status, 'stored');
});

test('a write that cannot be packed or carried out is refused, those after it are not', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  await store.put({ place: PLACE, record: storable({ key: 'a' }), condition: null });
  await store.close();
  const key = readKey(join(data, 'storage.key'));
  assert.ok(key !== null);
  const queue = new WriteQueue(
    {
      metrics: createStoreMetrics(),
      onWritten: () => undefined,
      capacityBytes: () => 1e9,
      isFollowed: () => false,
      onLost: () => undefined,
      onDamage: () => assert.fail('no damage'),
    },
    { path: join(data, 'storage/records.db'), key, unsponsoredBytes: 1e9 },
  );
  t.after(() => queue.close());
  const bad = queue.submit(() => {
    throw new Error('it has no bytes');
  }, 1);
  await assert.rejects(bad, { code: 'outcome_unknown' });
  assert.equal(await queue.submit(() => ({ type: 'expire', time: 1, max: 1 }), 1), 0);
  const wrong = queue.submit(() => ({ type: 'expire', time: 1.5, max: Number.NaN }), 1);
  await assert.rejects(wrong, { code: 'write_failed' });
  assert.equal(await queue.submit(() => ({ type: 'expire', time: 1, max: 1 }), 1), 0);
});
