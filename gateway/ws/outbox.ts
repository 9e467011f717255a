import type { Batch } from '../core/batch.ts';
import type { EndOfTurn, Flushable } from '../core/end-of-turn.ts';
import { WRITE_BATCH_BYTES } from '../core/limits.ts';
import type { GatewayMetrics } from '../observability/metrics.ts';

/** The target of an outbox: a socket, or the response of an SSE stream. */
export interface Sendable {
  readonly writableLength: number;
  write(chunk: Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** Why a client is cut, for its close reason and for the log. */
export type SlowReason = 'its queue is full' | 'its queue stayed half full';

/** Owner of an outbox. */
export interface OutboxOwner {
  /** Half of what may wait waits: the client had better not ask for more. */
  pause(): void;
  /** It has read on: no more than a quarter waits. */
  resume(): void;
  /** It did not read on in time. Called once, and nothing is written any more then. */
  onTooSlow(reason: SlowReason): void;
}

export interface OutboxComponents {
  readonly out: Sendable;
  readonly turn: EndOfTurn;
  readonly owner: OutboxOwner;
  readonly metrics: GatewayMetrics;
}

export interface OutboxInit {
  /** Queue limit. */
  readonly maxBytes: number;
  /** How long a paused client is waited for. */
  readonly slowMs: number;
}

/**
 * Queue for one client, in order and bounded in bytes. It writes only while the socket takes more, many frames at a time, so a
 * client that stalls costs its own queue and nobody else anything: first it is paused, then cut.
 */
export class Outbox implements Flushable {
  readonly #components: OutboxComponents;
  readonly #init: OutboxInit;
  #queue: Batch[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isBlocked = false;
  #isClosed = false;
  /** Runs while it is paused. */
  #slowTimer: NodeJS.Timeout | undefined;

  constructor(components: OutboxComponents, init: OutboxInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Sends `batch` at the end of this turn of the event loop, or when the socket takes it. After close it is dropped. */
  push(batch: Batch): void {
    if (this.#isClosed) return;
    const size = batch.bytes.byteLength;
    if (!this.#hasRoom(size)) {
      // what only waits for the end of the turn is no sign of a slow client
      this.flush();
      if (this.#isClosed) return;
      if (!this.#hasRoom(size)) {
        this.#cut('its queue is full');
        return;
      }
    }
    this.#queue.push(batch);
    this.#bytes += size;
    this.#components.metrics.queueBytes += size;
    if (this.#isBlocked) this.#pauseOrResume();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#components.turn.addOutbox(this);
    }
  }

  /** Writes what waits, as far as the socket takes it now. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#isBlocked || this.#queue.length === 0) return;
    this.#write();
    this.#pauseOrResume();
  }

  /** Writes what waits as far as the socket takes it now, then closes. */
  finish(): void {
    this.flush();
    this.close();
  }

  /** Drops what waits and takes nothing more; idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { metrics, out } = this.#components;
    metrics.queueBytes -= this.#bytes;
    this.#queue = [];
    this.#bytes = 0;
    out.off('drain', this.#onDrain);
    if (this.#slowTimer !== undefined) metrics.pausedClients -= 1;
    clearTimeout(this.#slowTimer);
    this.#slowTimer = undefined;
  }

  /** A batch alone always fits, however small the queue was set. */
  #hasRoom(bytes: number): boolean {
    const waiting = this.#waiting();
    return waiting === 0 || waiting + bytes <= this.#init.maxBytes;
  }

  /** Bytes the kernel has not taken. */
  #waiting(): number {
    return this.#bytes + this.#components.out.writableLength;
  }

  readonly #onDrain = (): void => {
    this.#isBlocked = false;
    this.#write();
    this.#pauseOrResume();
  };

  #write(): void {
    const { out, metrics } = this.#components;
    let start = 0;
    while (!this.#isBlocked && start < this.#queue.length) {
      const end = this.#chunkEnd(start);
      const batches = this.#queue.slice(start, end);
      start = end;
      const [only] = batches;
      const chunk =
        batches.length === 1 && only !== undefined ? only.bytes : Buffer.concat(batches.map((b) => b.bytes));
      this.#bytes -= chunk.byteLength;
      metrics.queueBytes -= chunk.byteLength;
      metrics.bytesSent += chunk.byteLength;
      for (const { frames } of batches) metrics.framesSent += frames;
      this.#isBlocked = !out.write(chunk);
    }
    this.#queue = start === this.#queue.length ? [] : this.#queue.slice(start);
    if (this.#isBlocked) out.once('drain', this.#onDrain);
  }

  /** At least one batch, more while they stay small together. */
  #chunkEnd(start: number): number {
    let bytes = 0;
    let end = start;
    while (end < this.#queue.length) {
      bytes += this.#queue[end]?.bytes.byteLength ?? 0;
      if (bytes > WRITE_BATCH_BYTES && end > start) break;
      end += 1;
    }
    return end;
  }

  /** Only a blocked socket is to tell when it drains: nobody else is paused. */
  #pauseOrResume(): void {
    const { owner, metrics } = this.#components;
    const { maxBytes, slowMs } = this.#init;
    const waiting = this.#waiting();
    if (this.#slowTimer === undefined) {
      if (!this.#isBlocked || waiting <= maxBytes / 2) return;
      metrics.pausedClients += 1;
      this.#slowTimer = setTimeout(() => this.#cut('its queue stayed half full'), slowMs);
      owner.pause();
    } else if (!this.#isBlocked || waiting < maxBytes / 4) {
      metrics.pausedClients -= 1;
      clearTimeout(this.#slowTimer);
      this.#slowTimer = undefined;
      owner.resume();
    }
  }

  #cut(reason: SlowReason): void {
    this.#components.metrics.cutClients += 1;
    this.close();
    this.#components.owner.onTooSlow(reason);
  }
}
