import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createWalletCrypto } from '../../../../../node/identity/wallets/index.ts';
import { encodeJob } from '../../../../../node/identity/wallets/job.ts';
import {
  ATTEMPTS_MAX,
  BATCH_JOBS_MAX,
  BATCHES_UNDER_WAY,
  DEATHS_MAX,
  MESSAGE_BYTES_MAX,
  QUEUE_BYTES_MAX,
  QUEUE_JOBS_MAX,
  THREADS_MAX,
} from '../../../../../node/identity/wallets/limits.ts';
import { createWalletMetrics } from '../../../../../node/identity/wallets/metrics.ts';
import { VerifierPool, type VerifierPoolInit } from '../../../../../node/identity/wallets/pool.ts';
import { CodedError } from '../../../../../protocols/common/errors.ts';
import { Program, until } from '../../../../support/processes.ts';
import { secretOf, signSecp256k1 } from '../../../../support/wallets.ts';

const FAULTY = new URL('../../../../support/faulty-verifier.ts', import.meta.url);
const ABSENT = new URL('./no-such-verifier.ts', import.meta.url);
const WALLETS = fileURLToPath(new URL('../../../../../node/identity/wallets/index.ts', import.meta.url));
const NONE = new Uint8Array();

const encoder = new TextEncoder();
const MESSAGE = encoder.encode('a message');
const { publicKey, signature } = signSecp256k1(secretOf(1), MESSAGE);
const GOOD = encodeJob({ kind: 'secp256k1', signer: publicKey, message: MESSAGE, signature });
const BAD = encodeJob({
  kind: 'secp256k1',
  signer: publicKey,
  message: encoder.encode('another'),
  signature,
});

function jobSaying(text: string): Uint8Array {
  return encodeJob({ kind: 'eip191', signer: NONE, message: encoder.encode(text), signature: NONE });
}

function times(count: number, job: Uint8Array): Uint8Array[] {
  return Array.from({ length: count }, () => job);
}

function createPool(t: TestContext, init: Partial<VerifierPoolInit> = {}) {
  const metrics = createWalletMetrics();
  const pool = new VerifierPool({ metrics }, init);
  t.after(() => pool.stop());
  return { pool, metrics };
}

/** Result: the answer, or the code of the error. */
function outcome(verified: Promise<boolean>): Promise<unknown> {
  return verified.catch((error: unknown) => (error instanceof CodedError ? error.code : error));
}

function outcomes(pool: VerifierPool, jobs: readonly Uint8Array[]): Promise<unknown[]> {
  return Promise.all(jobs.map((job) => outcome(pool.submit(job))));
}

/** How many there are of each. */
function tally(all: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[String(one)] = (counts[String(one)] ?? 0) + 1;
  return counts;
}

/** The threads that were given something since, last first. */
function watchThreads(t: TestContext): Worker[] {
  const seen: Worker[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- called with the worker it was called on
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (...args) {
    if (!seen.includes(this)) seen.unshift(this);
    Reflect.apply(post, this, args);
  };
  t.after(() => {
    Worker.prototype.postMessage = post;
  });
  return seen;
}

/** Makes a thread die of what it does not understand, behind what it has now and before what it is given next. */
function kill(thread: Worker | undefined): void {
  thread?.postMessage(Uint8Array.of(0xff), []);
}

test('related limits fit', () => {
  assert.ok(
    QUEUE_JOBS_MAX >= 4 * THREADS_MAX * BATCHES_UNDER_WAY * BATCH_JOBS_MAX,
    'every thread has enough',
  );
  assert.ok(QUEUE_BYTES_MAX >= 64 * MESSAGE_BYTES_MAX, 'one long message leaves room for others');
  assert.ok(DEATHS_MAX > ATTEMPTS_MAX, 'what a thread dies of keeps nobody else waiting');
});

test('a pool that nothing was asked of has no thread; one at a time needs one; many begin more', async (t) => {
  const { pool, metrics } = createPool(t, { threadsMax: 2 });
  assert.equal(pool.threads, 0);
  assert.equal(pool.implementation, null);
  for (let i = 0; i < 5; i++) assert.equal(await pool.submit(GOOD), true);
  assert.equal(pool.threads, 1);
  assert.match(String(pool.implementation), /^(native|portable)$/);
  const many = await outcomes(pool, times(20 * BATCH_JOBS_MAX, GOOD));
  assert.deepEqual(tally(many), { true: 20 * BATCH_JOBS_MAX });
  assert.equal(pool.threads, 2);
  assert.equal(pool.waiting, 0);
  assert.equal(metrics.verified, 20 * BATCH_JOBS_MAX + 5);
});

test('a thread that is killed in the middle takes no answer with it', async (t) => {
  const seen = watchThreads(t);
  const { pool, metrics } = createPool(t, { threadsMax: 2 });
  await pool.submit(GOOD);
  const jobs = Array.from({ length: 2000 }, (_, index) => (index % 3 === 0 ? BAD : GOOD));
  const all = outcomes(pool, jobs);
  await until('some are answered', () => metrics.verified > 100);
  kill(seen[0]);
  assert.deepEqual(
    await all,
    jobs.map((job) => job === GOOD),
  );
  await until('it died', () => metrics.threadDeaths === 1);
});

test('threads that are killed over and over: an answer is right, or none is given', async (t) => {
  const seen = watchThreads(t);
  const { pool, metrics } = createPool(t, { threadsMax: 2 });
  const jobs = Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? BAD : GOOD));
  const all: unknown[] = [];
  for (let round = 1; round <= 8; round++) {
    const answers = outcomes(pool, jobs);
    await until('a thread has something', () => pool.waiting === 0 || seen.length > 0);
    kill(seen.shift());
    all.push(...(await answers));
  }
  assert.ok(metrics.threadDeaths >= 4, `${metrics.threadDeaths} deaths`);
  assert.equal(all.length, 8 * jobs.length);
  for (const [index, one] of all.entries()) {
    if (one !== 'unavailable') assert.equal(one, jobs[index % jobs.length] === GOOD, `${index}`);
  }
  await until('threads are begun again', async () => (await outcome(pool.submit(GOOD))) === true);
});

test('what a thread dies of is refused; what it had besides is answered by another thread', async (t) => {
  const { pool, metrics } = createPool(t, { script: FAULTY, threadsMax: 2 });
  const jobs = Array.from({ length: 200 }, (_, index) => jobSaying(index === 77 ? 'die' : `${index}`));
  const all = await outcomes(pool, jobs);
  assert.equal(all[77], 'unavailable');
  assert.deepEqual(tally(all), { true: 199, unavailable: 1 });
  assert.equal(metrics.threadDeaths, 2);
  assert.match(String(metrics.lastDeath), /it was told to/);
});

test('a thread that does not answer is ended, and what it hung at is refused', async (t) => {
  // longer than a thread takes to begin on a busy machine
  const { pool, metrics } = createPool(t, { script: FAULTY, threadsMax: 1, answerTimeoutMs: 3_000 });
  // it has begun
  assert.equal(await pool.submit(jobSaying('first')), true);
  const all = await outcomes(pool, ['before', 'hang', 'after'].map(jobSaying));
  assert.deepEqual(all, [true, 'unavailable', true]);
  assert.equal(metrics.threadDeaths, 2);
  assert.match(String(metrics.lastDeath), /no answer within 3000 ms/);
});

test('threads that cannot begin: refused, not waited for, and not begun all the time', async (t) => {
  const { pool, metrics } = createPool(t, { script: ABSENT, threadsMax: 2 });
  const all = await outcomes(pool, times(100, GOOD));
  assert.deepEqual(tally(all), { unavailable: 100 });
  assert.equal(metrics.threadDeaths >= DEATHS_MAX, true);
  assert.equal(metrics.threadDeaths <= DEATHS_MAX + 1, true);
  const deaths = metrics.threadDeaths;
  assert.equal(await outcome(pool.submit(GOOD)), 'unavailable');
  assert.equal(metrics.threadDeaths, deaths, 'none was begun');
  assert.equal(pool.threads, 0);
  await until('another is tried after a pause', async () => {
    assert.equal(await outcome(pool.submit(GOOD)), 'unavailable');
    return metrics.threadDeaths > deaths;
  });
});

/** Jobs one thread has besides the queue. */
const UNDER_WAY_MAX = BATCHES_UNDER_WAY * BATCH_JOBS_MAX;

/** So many are taken as the queue holds, or a thread has besides; who comes later is told, and only who comes later. */
function assertBounded(all: readonly unknown[], bound: number): void {
  const taken = all.indexOf('overloaded');
  assert.ok(taken >= bound && taken <= bound + UNDER_WAY_MAX, `${taken} of ${all.length}`);
  assert.deepEqual(tally(all), { true: taken, overloaded: all.length - taken });
}

test('the queue is bounded by number: who comes too late is told, the others are answered', async (t) => {
  const { pool, metrics } = createPool(t, { threadsMax: 1 });
  const all = await outcomes(pool, times(QUEUE_JOBS_MAX + UNDER_WAY_MAX + 500, GOOD));
  assertBounded(all, QUEUE_JOBS_MAX);
  assert.equal(metrics.refused, all.filter((one) => one === 'overloaded').length);
  assert.equal(await pool.submit(GOOD), true);
});

test('the queue is bounded by bytes, and they are given back', async (t) => {
  const { pool } = createPool(t, { script: FAULTY, threadsMax: 1 });
  const large = jobSaying('x'.repeat(60_000));
  const fitting = Math.floor(QUEUE_BYTES_MAX / large.byteLength);
  for (let round = 0; round < 3; round++) {
    assertBounded(await outcomes(pool, times(fitting + UNDER_WAY_MAX + 20, large)), fitting);
  }
});

test('bytes of what a dead thread had are given back, too', async (t) => {
  const { pool } = createPool(t, { script: FAULTY, threadsMax: 1 });
  const large = jobSaying('x'.repeat(60_000));
  const fitting = Math.floor(QUEUE_BYTES_MAX / large.byteLength);
  const jobs = [jobSaying('die'), ...times(fitting - 1, large)];
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(tally(await outcomes(pool, jobs)), { unavailable: 1, true: fitting - 1 });
  }
});

test('a thread that has nothing to do ends, and another begins when there is something', async (t) => {
  const { pool, metrics } = createPool(t, { idleTimeoutMs: 50 });
  for (let round = 0; round < 2; round++) {
    assert.equal(await pool.submit(GOOD), true);
    await until('the thread has ended', () => pool.threads === 0);
  }
  assert.equal(metrics.threadDeaths, 0);
});

test('stop refuses what waits by name, ends the threads, and may be called again', async (t) => {
  const { pool } = createPool(t);
  await pool.submit(GOOD);
  const all = outcomes(pool, times(1000, GOOD));
  await until('some are under way', () => pool.waiting > 0);
  const stopped = pool.stop();
  const counts = tally(await all);
  assert.ok((counts.closed ?? 0) > 0, JSON.stringify(counts));
  assert.equal((counts.closed ?? 0) + (counts.true ?? 0), 1000);
  await stopped;
  await pool.stop();
  assert.equal(pool.threads, 0);
  assert.equal(await outcome(pool.submit(GOOD)), 'closed');
  const wallets = createWalletCrypto();
  await wallets.stop();
  assert.equal(await outcome(wallets.verifySecp256k1(publicKey, MESSAGE, signature)), 'closed');
});

test('its threads keep no process from ending, and what is under way does', async (t) => {
  const source = `
    const { createWalletCrypto } = await import(${JSON.stringify(WALLETS)});
    const hex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
    createWalletCrypto()
      .verifySecp256k1(hex('${hex(publicKey)}'), hex('${hex(MESSAGE)}'), hex('${hex(signature)}'))
      .then((valid) => process.stdout.write('valid: ' + valid));`;
  const program = new Program(t, process.execPath, ['--input-type=module', '--eval', source]);
  assert.equal(await program.exit, 0, program.stderr);
  assert.equal(program.stdout, 'valid: true');
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
