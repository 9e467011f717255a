import { CodedError } from '../../../protocols/common/errors.ts';
import { type Answer, type Implementation, INVALID, VALID } from './job.ts';
import {
  ANSWER_TIMEOUT_MS,
  ATTEMPTS_MAX,
  BATCH_JOBS_MAX,
  DEATHS_MAX,
  IDLE_TIMEOUT_MS,
  QUEUE_BYTES_MAX,
  QUEUE_JOBS_MAX,
  REST_MS,
  THREADS_MAX,
} from './limits.ts';
import type { WalletMetrics } from './metrics.ts';
import { VerifierThread, type Waiting } from './verifier-thread.ts';

export interface VerifierPoolInit {
  /** Script of the threads. */
  readonly script: URL;
  readonly threadsMax: number;
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

const DEFAULTS: VerifierPoolInit = {
  script: new URL('./worker.ts', import.meta.url),
  threadsMax: THREADS_MAX,
  answerTimeoutMs: ANSWER_TIMEOUT_MS,
  idleTimeoutMs: IDLE_TIMEOUT_MS,
};

/**
 * Threads that verify. The first begins with the first verification, another one when those at hand have no room, and
 * each ends when it has long had nothing to do. A thread that dies takes nothing with it: what it had is begun once
 * more on another one, and then refused as `unavailable`. Whether a signature is valid, only a thread's answer says.
 */
export class VerifierPool {
  readonly #metrics: WalletMetrics;
  readonly #init: VerifierPoolInit;
  readonly #queue: Waiting[] = [];
  #queuedBytes = 0;
  readonly #threads = new Set<VerifierThread>();
  #implementation: Implementation | null = null;
  #isScheduled = false;
  #isStopped = false;
  /** Threads that died one after another, none of them with an answer before. */
  #deaths = 0;
  /** No thread is begun before (clock of `performance`). */
  #restUntil = 0;

  constructor(components: { readonly metrics: WalletMetrics }, init: Partial<VerifierPoolInit> = {}) {
    this.#metrics = components.metrics;
    this.#init = { ...DEFAULTS, ...init };
  }

  /** The code that computes on the curve; null until a thread has said so. */
  get implementation(): Implementation | null {
    return this.#implementation;
  }

  /** Verifications that wait or are under way. */
  get waiting(): number {
    return [...this.#threads].reduce((sum, { underWay }) => sum + underWay, this.#queue.length);
  }

  get threads(): number {
    return this.#threads.size;
  }

  /** Whether the signature in `job` is valid. Rejects with `overloaded`, `unavailable` or `closed`: that is no answer. */
  submit(job: Uint8Array): Promise<boolean> {
    if (this.#isStopped) return Promise.reject(closedError());
    if (this.#isResting()) return Promise.reject(unavailableError());
    if (this.#queue.length >= QUEUE_JOBS_MAX || this.#queuedBytes + job.byteLength > QUEUE_BYTES_MAX) {
      this.#metrics.refused += 1;
      const message = 'too many signatures of wallets wait to be verified: try again later';
      return Promise.reject(new CodedError('overloaded', message));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, deaths: 0, resolve, reject });
      this.#queuedBytes += job.byteLength;
      // a full batch goes at once: who submits may have the event loop for long, and threads need not wait for that
      if (this.#queue.length >= BATCH_JOBS_MAX) this.#handOut();
      this.#schedule();
    });
  }

  /** Ends the threads and refuses what waits. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const ended = [...this.#threads].map(async (thread) => {
      for (const { reject } of await thread.end()) reject(closedError());
    });
    this.#threads.clear();
    this.#refuse(closedError());
    await Promise.all(ended);
  }

  /** Less than a batch goes later: what else comes within this turn shares it. */
  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#handOut();
    });
  }

  #handOut(): void {
    while (this.#queue.length > 0) {
      const thread = this.#threadWithRoom();
      if (thread === null) return;
      thread.verify(this.#take());
    }
  }

  /** The next batch: an equal share for every thread, and alone what a thread died with. */
  #take(): readonly Waiting[] {
    const share = Math.min(BATCH_JOBS_MAX, Math.ceil(this.#queue.length / this.#threads.size));
    // those that a thread died with are in front
    const batch = this.#queue.splice(0, (this.#queue[0]?.deaths ?? 0) > 0 ? 1 : share);
    for (const { job } of batch) this.#queuedBytes -= job.byteLength;
    return batch;
  }

  /** The one that has least to do, or a new one; null when all there may be are busy. */
  #threadWithRoom(): VerifierThread | null {
    const isAlone = (this.#queue[0]?.deaths ?? 0) > 0;
    let best: VerifierThread | null = null;
    for (const thread of this.#threads) {
      const fits = isAlone ? thread.underWay === 0 : thread.hasRoom;
      if (fits && (best === null || thread.underWay < best.underWay)) best = thread;
    }
    if (best !== null || this.#threads.size >= this.#init.threadsMax) return best;
    return this.#isResting() ? null : this.#begin();
  }

  #begin(): VerifierThread | null {
    try {
      const thread = new VerifierThread(
        {
          onAnswer: (batch, answer) => this.#answered(batch, answer),
          onDeath: (thread, left, cause) => this.#died(thread, left, cause),
          onIdle: (thread) => {
            this.#threads.delete(thread);
            void thread.end();
          },
        },
        this.#init,
      );
      this.#threads.add(thread);
      return thread;
    } catch (cause) {
      this.#countDeath(cause);
      // what waits for a thread that cannot begin would wait for ever
      if (this.#threads.size === 0) this.#refuse(unavailableError(cause));
      return null;
    }
  }

  #answered(batch: readonly Waiting[], { outcomes, implementation }: Answer): void {
    this.#deaths = 0;
    this.#implementation = implementation;
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome === VALID || outcome === INVALID) resolve(outcome === VALID);
      else reject(unavailableError());
    }
    this.#metrics.verified += batch.length;
    this.#schedule();
  }

  #died(thread: VerifierThread, left: readonly Waiting[], cause: unknown): void {
    this.#threads.delete(thread);
    this.#countDeath(cause);
    const again: Waiting[] = [];
    for (const one of left) {
      one.deaths += 1;
      if (one.deaths >= ATTEMPTS_MAX) one.reject(unavailableError(cause));
      else again.push(one);
    }
    this.#queue.unshift(...again);
    for (const { job } of again) this.#queuedBytes += job.byteLength;
    if (this.#isResting() && this.#threads.size === 0) this.#refuse(unavailableError(cause));
    this.#schedule();
  }

  #countDeath(cause: unknown): void {
    this.#metrics.threadDeaths += 1;
    this.#metrics.lastDeath = cause;
    this.#deaths += 1;
    if (this.#deaths >= DEATHS_MAX) this.#restUntil = performance.now() + REST_MS;
  }

  #isResting(): boolean {
    return this.#deaths >= DEATHS_MAX && performance.now() < this.#restUntil;
  }

  #refuse(error: CodedError): void {
    this.#queuedBytes = 0;
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }
}

function closedError(): CodedError {
  return new CodedError('closed', 'the verifier of wallets is stopped');
}

function unavailableError(cause?: unknown): CodedError {
  const message = 'the signature could not be verified, which says nothing about it: try again later';
  return new CodedError('unavailable', message, undefined, cause === undefined ? {} : { cause });
}
