import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { atMost, experiment, round, type Target } from '../../support/experiment.ts';
import { CountingProxy, keys, makeRecord, PLACE, ReplicaNode } from '../../support/replica-node.ts';
import { exchange, makePair } from './engine.ts';

const FULL = {
  many: 1_000_000,
  /** Records of both replicas, and those that only one of them has: half of these each. */
  common: 99_500,
  differing: 1000,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = { many: 1_000, common: 300, differing: 20 };
const FEW_DIFFERENCES = 10;
const KIB = 1024;
const VALUE_BYTES = 512;
const WRITES_AT_ONCE = 1024;
const SETTLE_MS = 200;

interface Part {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
}

/** The engine alone, over items. */
function manyItems(many: number, progress: (line: string) => void): Part {
  const pair = makePair(many, FEW_DIFFERENCES);
  progress(
    `${many} items: two sets made in ${round(pair.buildMs, 0)} ms, ${round(pair.bytesPerItem)} B an item`,
  );
  const { bytes, rounds, found, ms, stepMs } = exchange(pair);
  progress(`${found} differences found: ${bytes} B, ${rounds} rounds, ${round(ms)} ms`);
  const met = found === FEW_DIFFERENCES;
  return {
    figures: {
      items: many,
      bytesPerItem: round(pair.bytesPerItem),
      insertUs: round((pair.buildMs * 1000) / (2 * many)),
      bytes,
      rounds,
      ms: round(ms),
      longestStepMs: round(stepMs),
    },
    targets: [
      { name: `${many} items: differences found`, value: found, target: `= ${FEW_DIFFERENCES}`, met },
      atMost(`${many} items that differ in ${FEW_DIFFERENCES}: bytes`, bytes, 64 * KIB),
      atMost(`${many} items that differ in ${FEW_DIFFERENCES}: ms`, round(ms), 2000),
    ],
  };
}

/** Two stores, over a libp2p connection through a proxy that counts every byte. */
async function replicas(sizes: Sizes, progress: (line: string) => void): Promise<Part> {
  const { common, differing } = sizes;
  const ids: string[] = [];
  const [a, b] = [await ReplicaNode.start(() => ids), await ReplicaNode.start(() => ids)];
  ids.push(a.id, b.id);
  const proxy = await CountingProxy.before(b.network);
  try {
    await fill(a, b, sizes);
    progress(`two stores of ${a.store.summary(PLACE)?.count} records, ${differing} of which differ`);
    await proxy.connect(a.network);
    const first = await counted(proxy, () => a.review(b.id));
    progress(`the same again: ${first.bytes} B, ${round(first.ms, 0)} ms`);
    const again = await counted(proxy, () => a.review(b.id));
    progress(`a review of equal replicas: ${again.bytes} B`);
    const whole = await counted(proxy, () => a.pull(b.id));
    progress(`a reconciliation of equal replicas: ${whole.bytes} B`);
    const differingBytes = differing * VALUE_BYTES;
    const isSame = again.result && a.store.summary(PLACE)?.count === common + differing;
    return {
      figures: {
        records: common + differing / 2,
        differing,
        differingBytes,
        bytes: first.bytes,
        ms: round(first.ms, 0),
        ofReconciliation: a.metrics.reconciliation.bytesSent + b.metrics.reconciliation.bytesSent,
        equalReviewBytes: again.bytes,
        equalReconciliationBytes: whole.bytes,
      },
      targets: [
        { name: 'both hold everything then', value: Number(isSame), target: '= 1', met: isSame },
        atMost('bytes sent, to the bytes of the values that differ', round(first.bytes / differingBytes), 3),
        atMost('equal replicas: bytes of a review', again.bytes, KIB),
        atMost('equal replicas: bytes of a reconciliation', whole.bytes, KIB),
      ],
    };
  } finally {
    await a.stop();
    await b.stop();
    proxy.stop();
  }
}

async function fill(a: ReplicaNode, b: ReplicaNode, { common, differing }: Sizes): Promise<void> {
  const names = keys();
  let waiting: Promise<unknown>[] = [];
  for (let i = 0; i < common + differing; i++) {
    const record = makeRecord(names.next().value, {
      value: randomBytes(VALUE_BYTES),
      isSigned: i < differing,
    });
    const targets = i >= differing ? [a, b] : [i % 2 === 0 ? a : b];
    for (const { store } of targets) waiting.push(store.put({ place: PLACE, record, condition: null }));
    if (waiting.length < WRITES_AT_ONCE) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
}

/** Bytes on the wire in both directions during `work`. */
async function counted<T>(
  proxy: CountingProxy,
  work: () => Promise<T>,
): Promise<{ result: T; bytes: number; ms: number }> {
  const before = proxy.bytes;
  const since = performance.now();
  const result = await work();
  const ms = performance.now() - since;
  // what was sent last is still under way
  await wait(SETTLE_MS);
  return { result, bytes: proxy.bytes - before, ms };
}

export const reconcileBench = experiment({
  name: 'reconcile',
  summary: 'what it costs two replicas to find out what they differ in, and to be the same again',
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress }) {
    const many = manyItems(sizes.many, progress);
    const stores = await replicas(sizes, progress);
    return {
      name: 'reconcile',
      figures: { many: many.figures, stores: stores.figures },
      targets: [...many.targets, ...stores.targets],
    };
  },
});
