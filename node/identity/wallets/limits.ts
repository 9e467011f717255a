import { availableParallelism } from 'node:os';
import { type Limit, limitsIn } from '../../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** Threads at most. One verifies some 10 000 signatures a second and takes some 20 MB; four are more than comes in. */
const THREADS_CAP = 4;
export const THREADS_MAX = Math.min(THREADS_CAP, availableParallelism());

export const QUEUE_JOBS_MAX = limit(
  'wallets.queueSignatures',
  4096,
  'count',
  'signatures of wallets that wait to be verified, 0.4 s of work for one thread; then overloaded',
);
/** Their bytes: messages of wallets are a few hundred, links of a chain 2 048 at most. */
export const QUEUE_BYTES_MAX = limit('wallets.queueBytes', 8 * 1024 * 1024, 'bytes', 'Their bytes together.');
export const MESSAGE_BYTES_MAX = limit(
  'wallets.messageBytes',
  64 * 1024,
  'bytes',
  'a message that a wallet signed: no message of Maillon comes near, and one text must not fill the queue',
);

/** Verifications in one message to a thread: enough to share its cost, few enough to be answered within 3 ms; of Taproot, within 50 ms. */
export const BATCH_JOBS_MAX = 32;
/** Batches a thread has at a time: it goes on with the second while the event loop takes the answer to the first. */
export const BATCHES_UNDER_WAY = 2;

/** How often a verification is begun: a second time on another thread when the first one died with it. */
export const ATTEMPTS_MAX = 2;
/** A thread that says nothing for this long is ended. The slowest batch takes 0.3 s, a start on a busy machine some. */
export const ANSWER_TIMEOUT_MS = 30_000;
/** A thread that has nothing to do for this long ends, and gives its memory back. */
export const IDLE_TIMEOUT_MS = 60_000;
/** Threads that die one after another without an answer: after so many none is begun for `REST_MS`. */
export const DEATHS_MAX = 4;
/** Pause after that, so that what breaks threads does not keep the machine busy starting them. */
export const REST_MS = 1_000;
/** V8's share of a thread's memory: it holds tables, code and one batch. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 48, stackSizeMb: 2 };

/** For the info document. */
export const WALLET_LIMITS: readonly Limit[] = published;
