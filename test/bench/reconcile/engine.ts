import { randomFillSync } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCrypto } from '../../../node/runtime/crypto.ts';
import {
  createReconciliationMetrics,
  ID_BYTES,
  Initiator,
  OrderedSet,
  respond,
  type Step,
} from '../../../protocols/reconciliation/index.ts';
import { RECONCILE_MESSAGE_MAX_BYTES } from '../../../protocols/storage/index.ts';

const crypto = createCrypto();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export interface Pair {
  readonly own: OrderedSet;
  readonly other: OrderedSet;
  /** Time for both sets. */
  readonly buildMs: number;
  /** Memory of one side: buffers and objects. */
  readonly bytesPerItem: number;
}

/** Two sets of so many items; of those that differ each side has half. */
export function makePair(items: number, differing: number): Pair {
  const own = new OrderedSet({ crypto });
  const other = new OrderedSet({ crypto });
  const ids = new Uint8Array(ID_BYTES * (items + differing / 2));
  randomFillSync(ids);
  const before = memory();
  const since = performance.now();
  for (let i = 0; i < items + differing / 2; i++) {
    const item = { timestamp: 0, id: ids.subarray(ID_BYTES * i, ID_BYTES * (i + 1)) };
    const isOfBoth = i >= differing;
    if (isOfBoth || i % 2 === 0) own.insert(item, i);
    if (isOfBoth || i % 2 === 1) other.insert(item, i);
  }
  const buildMs = performance.now() - since;
  return { own, other, buildMs, bytesPerItem: (memory() - before) / (own.size + other.size) };
}

/** In use: what is garbage by now is collected first. */
function memory(): number {
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

export interface Exchange {
  readonly bytes: number;
  readonly rounds: number;
  readonly found: number;
  readonly ms: number;
  /** The longest that one message took. */
  readonly stepMs: number;
}

/** Messages to and fro until the one that asks knows what differs. */
export function exchange({ own, other }: Pair): Exchange {
  const metrics = createReconciliationMetrics();
  const init = { maxBytes: RECONCILE_MESSAGE_MAX_BYTES };
  const initiator = new Initiator({ set: own, metrics }, init);
  const since = performance.now();
  let found = 0;
  let stepMs = 0;
  let rounds = 0;
  const timed = <T>(work: () => T): T => {
    const begun = performance.now();
    const result = work();
    stepMs = Math.max(stepMs, performance.now() - begun);
    return result;
  };
  for (let message: Uint8Array | null = initiator.start(); message !== null; rounds++) {
    const question: Uint8Array = message;
    const answer: Uint8Array = timed(() => respond({ set: other, metrics }, question, init));
    const step: Step = timed(() => initiator.receive(answer));
    found += step.have.length + step.need.length;
    ({ message } = step);
  }
  return { bytes: metrics.bytesSent, rounds, found, ms: performance.now() - since, stepMs };
}
