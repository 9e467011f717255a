import { Worker } from 'node:worker_threads';
import { CodedError } from '../../../protocols/common/errors.ts';
import { threadEnvironment } from '../../runtime/threads.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_WRITES_MAX,
  CLOSE_TIMEOUT_MS,
  QUEUE_BYTES_MAX,
  QUEUE_WRITES_MAX,
} from './constants.ts';
import { corruptError, noRoomError } from './faults.ts';
import type { StoreMetrics } from './interface.ts';
import {
  type Answer,
  type Batch,
  type BatchReply,
  type Operation,
  Packer,
  type WriterInit,
} from './operations.ts';

/** Makes the operation and puts its bytes into the batch's. */
export type Pack = (packer: Packer) => Operation;

interface Waiting {
  readonly pack: Pack;
  readonly size: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: CodedError) => void;
}

export interface WriteQueueComponents {
  readonly metrics: StoreMetrics;
  /** Before the batch's writes are acknowledged: readers can see them from now on. Null: nobody wanted to know the changes. */
  readonly onWritten: (changes: Uint8Array | null) => void;
  /** Bytes all records may use now. */
  readonly capacityBytes: () => number;
  /** Whether the changes of the next batch are to be told. */
  readonly isFollowed: () => boolean;
  /** The writer ended by itself: nobody knows what of the batch is on disk. */
  readonly onLost: () => void;
  /** The database is damaged: nothing more is written until the queue is begun anew. */
  readonly onDamage: (reason: string) => void;
}

/** V8's share of the writer's memory: batches are outside of it. */
const WRITER_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 96, stackSizeMb: 2 };

/**
 * Hands writes to the writer's thread, one batch at a time: what came while one was being synced is the next. The
 * thread begins with the first write. When it ends by itself what waits is refused with `outcome_unknown`, and the
 * next write begins another.
 */
export class WriteQueue {
  readonly #components: WriteQueueComponents;
  readonly #init: WriterInit;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #worker: Worker | null = null;
  #underWay: readonly Waiting[] = [];
  #isScheduled = false;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;
  /** Callbacks waiting for the batch under way. */
  #onSettled: (() => void)[] = [];

  constructor(components: WriteQueueComponents, init: WriterInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Writes that wait or are under way. */
  get waiting(): number {
    return this.#waiting.length + this.#underWay.length;
  }

  /** Resolves when what is being written now is written, or is not. */
  settled(): Promise<void> {
    if (this.#underWay.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }

  /** Resolves when it is on disk, or decided that it will not be. `size`: its bytes, for the bounds. */
  submit(pack: Pack, size: number): Promise<Answer> {
    if (this.#closing !== null) return Promise.reject(new CodedError('closed', 'the record store is closed'));
    if (this.#waiting.length >= QUEUE_WRITES_MAX || this.#waitingBytes + size > QUEUE_BYTES_MAX) {
      const message = 'too many writes wait for the disk: try again later';
      return Promise.reject(new CodedError('overloaded', message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pack, size, resolve, reject });
      this.#waitingBytes += size;
      this.#schedule();
    });
  }

  /** Writes what waits, then ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the thread at once and refuses what waits. */
  async abort(reason: CodedError): Promise<void> {
    this.#closing ??= Promise.resolve();
    const worker = this.#forgetWorker();
    this.#refuse(reason);
    await worker?.terminate();
  }

  /** Not at once: those who were just acknowledged write again within this turn, and share the batch. */
  #schedule(): void {
    if (this.#isScheduled || this.#underWay.length > 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#underWay.length > 0) return;
    if (this.#waiting.length === 0) {
      this.#onIdle?.();
      return;
    }
    const taken = this.#waiting.splice(0, this.#fitting());
    this.#underWay = taken;
    try {
      const packer = new Packer();
      const operations = taken.map(({ pack }) => pack(packer));
      const bytes = packer.pack();
      this.#worker ??= this.#begin();
      this.#worker.ref();
      const { isFollowed, capacityBytes } = this.#components;
      const batch: Batch = {
        operations,
        bytes,
        isFollowed: isFollowed(),
        capacityBytes: capacityBytes(),
      };
      this.#worker.postMessage(batch, [bytes.buffer]);
    } catch (cause) {
      this.#ended(cause);
    }
  }

  /** How many of those waiting make the next batch: at least one. */
  #fitting(): number {
    let count = 0;
    let bytes = 0;
    for (const { size } of this.#waiting) {
      if (count === BATCH_WRITES_MAX || (count > 0 && bytes + size > BATCH_BYTES_MAX)) break;
      bytes += size;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return count;
  }

  #begin(): Worker {
    const worker = new Worker(new URL('./writer.ts', import.meta.url), {
      workerData: this.#init,
      name: 'record-writer',
      resourceLimits: WRITER_LIMITS,
      env: threadEnvironment(),
      execArgv: [],
    });
    worker.on('message', (reply: BatchReply) => this.#replied(reply));
    worker.once('error', (error) => this.#ended(error));
    worker.once('exit', () => this.#ended(new Error('it ended')));
    return worker;
  }

  #replied(reply: BatchReply): void {
    const done = this.#underWay;
    this.#underWay = [];
    // a thread that has nothing to do keeps no process from ending
    this.#worker?.unref();
    if ('answers' in reply) this.#acknowledge(done, reply);
    else this.#fail(done, reply);
    this.#settle();
    if (this.#waiting.length > 0 || this.#closing !== null) this.#schedule();
  }

  #acknowledge(
    done: readonly Waiting[],
    { answers, changes }: Extract<BatchReply, { answers: unknown }>,
  ): void {
    this.#components.onWritten(changes);
    this.#components.metrics.batches += 1;
    for (const [index, { resolve }] of done.entries()) resolve(answers[index] ?? 'corrupt');
  }

  #fail(done: readonly Waiting[], { fault, message }: Extract<BatchReply, { fault: unknown }>): void {
    if (fault === 'corrupt') {
      const error = corruptError(null, message);
      for (const { reject } of done) reject(error);
      this.#components.onDamage(message);
      return;
    }
    const error =
      fault === 'disk' ? noRoomError() : new CodedError('write_failed', `not written: ${message}`);
    for (const { reject } of done) reject(error);
  }

  /** The writer ended without having been told to. */
  #ended(cause: unknown): void {
    const worker = this.#forgetWorker();
    if (worker === null && this.#underWay.length === 0) return;
    this.#components.metrics.writerFailures += 1;
    this.#components.onLost();
    const message =
      'the writer of records failed: this write may be stored or not; read before writing again';
    this.#refuse(new CodedError('outcome_unknown', message, undefined, { cause }));
    this.#onIdle?.();
    void worker?.terminate();
  }

  /** Its later events are not for us: a new one may have begun. */
  #forgetWorker(): Worker | null {
    const worker = this.#worker;
    this.#worker = null;
    worker?.removeAllListeners();
    // an error after that must not end the process
    worker?.on('error', () => undefined);
    return worker;
  }

  #settle(): void {
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  #refuse(error: CodedError): void {
    const refused = [...this.#underWay, ...this.#waiting.splice(0)];
    this.#underWay = [];
    this.#waitingBytes = 0;
    for (const { reject } of refused) reject(error);
    this.#settle();
  }

  async #close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#idle(), late]);
    const worker = this.#forgetWorker();
    this.#refuse(
      new CodedError('outcome_unknown', 'the disk did not take this write before the store was closed'),
    );
    if (worker !== null) {
      const exit = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      worker.postMessage('close', []);
      await Promise.race([exit, late]);
      await Promise.race([worker.terminate(), late]);
    }
    clearTimeout(timer);
  }

  #idle(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
