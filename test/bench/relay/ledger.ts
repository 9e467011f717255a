/** Bytes of a message: publisher, counter and the time of sending, then padding. */
export const PAYLOAD_BYTES = 200;
/** Messages one publisher may send in a run. */
const COUNTER_MAX = 1 << 20;
const COUNTER_AT = 4;
const TIME_AT = 8;

export function encodePayload(publisher: number, counter: number): Uint8Array {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, publisher);
  view.setUint32(COUNTER_AT, counter);
  // the monotonic clock is one for all processes of a machine
  view.setBigUint64(TIME_AT, process.hrtime.bigint());
  return payload;
}

/** Messages one node received of each publisher: each counted once, further copies separately. */
export class Ledger {
  readonly counts: number[];
  duplicates = 0;
  latenciesMs: number[] = [];
  readonly #seen: Uint8Array[];

  constructor(publishers: number) {
    this.counts = Array.from({ length: publishers }, () => 0);
    this.#seen = Array.from({ length: publishers }, () => new Uint8Array(COUNTER_MAX / 8));
  }

  record(payload: Uint8Array, sampleLatency: boolean): void {
    const view = new DataView(payload.buffer, payload.byteOffset);
    const publisher = view.getUint32(0);
    const counter = view.getUint32(COUNTER_AT);
    const seen = this.#seen[publisher];
    if (seen === undefined || counter >= COUNTER_MAX)
      throw new Error('a message that nobody of this run sent');
    const bit = 1 << (counter & 7);
    if (((seen[counter >> 3] ?? 0) & bit) !== 0) {
      this.duplicates += 1;
      return;
    }
    seen[counter >> 3] = (seen[counter >> 3] ?? 0) | bit;
    this.counts[publisher] = (this.counts[publisher] ?? 0) + 1;
    if (sampleLatency) {
      this.latenciesMs.push(Number(process.hrtime.bigint() - view.getBigUint64(TIME_AT)) / 1e6);
    }
  }
}
