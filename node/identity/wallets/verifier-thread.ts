import { Worker } from 'node:worker_threads';
import { concatBytes } from '../../../protocols/common/bytes.ts';
import type { CodedError } from '../../../protocols/common/errors.ts';
import { threadEnvironment } from '../../runtime/threads.ts';
import type { Answer } from './job.ts';
import { BATCHES_UNDER_WAY, THREAD_LIMITS } from './limits.ts';
import { NativeGuard } from './native-guard.ts';

/** A verification that somebody waits for. */
export interface Waiting {
  readonly job: Uint8Array;
  /** Threads that ended while they had it. */
  deaths: number;
  readonly resolve: (valid: boolean) => void;
  readonly reject: (error: CodedError) => void;
}

export interface VerifierThreadComponents {
  /** It answered a batch. */
  readonly onAnswer: (batch: readonly Waiting[], answer: Answer) => void;
  /** It ended without having been told to; `left` is what it had not answered. */
  readonly onDeath: (thread: VerifierThread, left: readonly Waiting[], cause: unknown) => void;
  /** It has had nothing to do for a while. */
  readonly onIdle: (thread: VerifierThread) => void;
}

export interface VerifierThreadInit {
  readonly script: URL;
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** One thread and the batches it has, oldest first. It keeps the process from ending only while it has any. */
export class VerifierThread {
  readonly #components: VerifierThreadComponents;
  readonly #init: VerifierThreadInit;
  readonly #worker: Worker;
  readonly #guard = new NativeGuard();
  readonly #batches: (readonly Waiting[])[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(components: VerifierThreadComponents, init: VerifierThreadInit) {
    this.#components = components;
    this.#init = init;
    this.#worker = new Worker(init.script, {
      name: 'wallet-verifier',
      workerData: this.#guard.memory,
      resourceLimits: THREAD_LIMITS,
      env: threadEnvironment(),
      execArgv: [],
    });
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.once('error', (error) => this.#died(error));
    this.#worker.once('exit', () => this.#died(new Error('it ended')));
    this.#worker.unref();
  }

  /** Verifications it has. */
  get underWay(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.length, 0);
  }

  /** One that a thread died with is alone with its thread, so that it can take no other with it. */
  get hasRoom(): boolean {
    return this.#batches.length < BATCHES_UNDER_WAY && (this.#batches[0]?.[0]?.deaths ?? 0) === 0;
  }

  verify(batch: readonly Waiting[]): void {
    if (this.#batches.length === 0) {
      this.#worker.ref();
      this.#expectAnswer();
    }
    this.#batches.push(batch);
    this.#worker.postMessage(concatBytes(...batch.map(({ job }) => job)), []);
  }

  /** Ends it. Returns what it had not answered. */
  async end(): Promise<readonly Waiting[]> {
    const left = this.#forget();
    await this.#terminate();
    return left;
  }

  #answered(answer: Answer): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    if (this.#batches.length > 0) this.#expectAnswer();
    else this.#rest();
    this.#components.onAnswer(batch, answer);
  }

  #expectAnswer(): void {
    const { answerTimeoutMs } = this.#init;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#died(new Error(`no answer within ${answerTimeoutMs} ms`));
    }, answerTimeoutMs);
    this.#timer.unref();
  }

  #rest(): void {
    this.#worker.unref();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#components.onIdle(this), this.#init.idleTimeoutMs);
    this.#timer.unref();
  }

  #died(cause: unknown): void {
    const left = this.#forget();
    void this.#terminate();
    this.#components.onDeath(this, left, cause);
  }

  async #terminate(): Promise<void> {
    await this.#guard.close();
    await this.#worker.terminate();
  }

  /** Its later events are for nobody. */
  #forget(): readonly Waiting[] {
    clearTimeout(this.#timer);
    this.#worker.removeAllListeners();
    // an error after that must not end the process
    this.#worker.on('error', () => undefined);
    return this.#batches.splice(0).flat();
  }
}
