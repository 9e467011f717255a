import { WRITE_BATCH_BYTES } from '../limits.ts';

/** What an outbox writes to: a socket, or the response of an SSE stream. */
export interface Sendable {
  readonly writableLength: number;
  write(chunk: Buffer): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

export interface OutboxInit {
  /** What may wait. */
  readonly maxBytes: number;
  /** Called once when more would have to wait; nothing is written any more then. */
  readonly onOverflow: () => void;
}

/**
 * What waits for one client, in order and bounded in bytes. It writes only while the socket takes more, many
 * frames at a time, so a client that stalls costs its own queue and nobody else anything.
 */
export class Outbox {
  readonly #out: Sendable;
  readonly #init: OutboxInit;
  #frames: Buffer[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isBlocked = false;
  #isClosed = false;
  readonly #onDrain = (): void => {
    this.#isBlocked = false;
    this.#write();
  };

  constructor(components: { out: Sendable }, init: OutboxInit) {
    this.#out = components.out;
    this.#init = init;
    this.#out.on('drain', this.#onDrain);
  }

  /** Sends a frame, at the end of this turn of the event loop at the earliest. After close it is dropped. */
  push(frame: Buffer): void {
    if (this.#isClosed) return;
    const waiting = this.#bytes + this.#out.writableLength;
    // a frame alone always fits, however small the queue was set
    if (waiting > 0 && waiting + frame.byteLength > this.#init.maxBytes) {
      this.close();
      this.#init.onOverflow();
      return;
    }
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    // frames that come in the same turn share one write
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isBlocked) this.#write();
    });
  }

  /** Writes what waits as far as the socket takes it now, then closes. */
  finish(): void {
    if (!this.#isBlocked) this.#write();
    this.close();
  }

  /** Drops what waits and takes nothing more; idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#frames = [];
    this.#bytes = 0;
    this.#out.off('drain', this.#onDrain);
  }

  #write(): void {
    let start = 0;
    while (!this.#isClosed && !this.#isBlocked && start < this.#frames.length) {
      const end = this.#batchEnd(start);
      const batch = this.#frames.slice(start, end);
      start = end;
      const [only] = batch;
      const chunk = batch.length === 1 && only !== undefined ? only : Buffer.concat(batch);
      this.#bytes -= chunk.byteLength;
      this.#isBlocked = !this.#out.write(chunk);
    }
    if (!this.#isClosed) this.#frames = this.#frames.slice(start);
  }

  /** At least one frame, more while they stay small together. */
  #batchEnd(start: number): number {
    let bytes = 0;
    let end = start;
    while (end < this.#frames.length) {
      bytes += this.#frames[end]?.byteLength ?? 0;
      if (bytes > WRITE_BATCH_BYTES && end > start) break;
      end += 1;
    }
    return end;
  }
}
