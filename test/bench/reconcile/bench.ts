import { atMost, type Experiment, round, type Target } from '../../support/experiment.ts';
import { exchange, makePair } from './engine.ts';

const MANY = 1_000_000;
const FEW_DIFFERENCES = 10;
const KIB = 1024;

interface Part {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
}

/** The engine alone, over items. */
function manyItems(progress: (line: string) => void): Part {
  const pair = makePair(MANY, FEW_DIFFERENCES);
  progress(
    `${MANY} items: two sets made in ${round(pair.buildMs, 0)} ms, ${round(pair.bytesPerItem)} B an item`,
  );
  const { bytes, rounds, found, ms, stepMs } = exchange(pair);
  progress(`${found} differences found: ${bytes} B, ${rounds} rounds, ${round(ms)} ms`);
  const met = found === FEW_DIFFERENCES;
  return {
    figures: {
      items: MANY,
      bytesPerItem: round(pair.bytesPerItem),
      insertUs: round((pair.buildMs * 1000) / (2 * MANY)),
      bytes,
      rounds,
      ms: round(ms),
      longestStepMs: round(stepMs),
    },
    targets: [
      { name: `${MANY} items: differences found`, value: found, target: `= ${FEW_DIFFERENCES}`, met },
      atMost(`${MANY} items that differ in ${FEW_DIFFERENCES}: bytes`, bytes, 64 * KIB),
      atMost(`${MANY} items that differ in ${FEW_DIFFERENCES}: ms`, round(ms), 2000),
    ],
  };
}

export const reconcileBench: Experiment = {
  name: 'reconcile',
  summary: 'what it costs two replicas to find out what they differ in, and to be the same again',
  run({ progress }) {
    const many = manyItems(progress);
    return Promise.resolve({ name: 'reconcile', figures: { many: many.figures }, targets: many.targets });
  },
};
