import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { NativeGuard } from '../../../../../node/identity/wallets/native-guard.ts';
import { until } from '../../../../support/processes.ts';

const GUARD = fileURLToPath(new URL('../../../../../node/identity/wallets/native-guard.ts', import.meta.url));
const BEGUN = 1;
const WITHIN = 2;
const LEFT = 3;
const AGAIN = 4;

/** Enters, stays until it is let go, leaves and enters again; the last word of `memory` says how far it is. */
const SOURCE = `
  const { workerData } = require('node:worker_threads');
  import(${JSON.stringify(GUARD)}).then(({ NativeGuard }) => {
    const guard = new NativeGuard(workerData.memory);
    const stage = new Int32Array(workerData.stage);
    Atomics.store(stage, 0, ${BEGUN});
    guard.enter();
    Atomics.store(stage, 0, ${WITHIN});
    Atomics.wait(stage, 1, 0);
    Atomics.store(stage, 0, ${LEFT});
    guard.leave();
    guard.enter();
    Atomics.store(stage, 0, ${AGAIN});
  });`;

function begin(t: TestContext) {
  const guard = new NativeGuard();
  const stage = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(SOURCE, {
    eval: true,
    workerData: { memory: guard.memory, stage: stage.buffer },
  });
  t.after(() => worker.terminate());
  const letGo = (): void => {
    Atomics.store(stage, 1, 1);
    Atomics.notify(stage, 1);
  };
  return { guard, stage, worker, letGo };
}

test('a thread within an addon is waited for, and does not enter it again', async (t) => {
  const { guard, stage, worker, letGo } = begin(t);
  await until('it is within', () => stage[0] === WITHIN);
  let isClosed = false;
  const closed = guard.close().then(() => (isClosed = true));
  await wait(50);
  assert.equal(isClosed, false);
  letGo();
  await closed;
  assert.equal(stage[0], LEFT);
  await wait(50);
  assert.equal(stage[0], LEFT, 'it did not enter again');
  const exited = once(worker, 'exit');
  await worker.terminate();
  await exited;
});

test('a thread that has not entered yet is not waited for, and never enters', async (t) => {
  const { guard, stage } = begin(t);
  await guard.close();
  await until('it has begun', () => stage[0] === BEGUN);
  await wait(50);
  assert.equal(stage[0], BEGUN);
});
