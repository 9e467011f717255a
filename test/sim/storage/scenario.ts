import type { Target } from '../../support/experiment.ts';
import { History } from './history.ts';
import { Random } from './random.ts';
import type { Site } from './site.ts';
import { Workload } from './workload.ts';

export interface ScenarioSizes {
  readonly nodes: number;
  /** Acknowledged writes, at least. */
  readonly writes: number;
  readonly writers: number;
  /** Nodes and writers on either side where a network is cut in two. */
  readonly sides: readonly [left: number, right: number];
  readonly writersPerSide: number;
  /** How often all replicas of a receipt but one are lost. */
  readonly losses: number;
  /** How long both sides write before a network is cut in two, and while it is. */
  readonly beforeMs: number;
  readonly cutMs: number;
  /** Nodes before others join, and those that join. */
  readonly firstNodes: number;
  readonly joins: number;
  /** After which a node counts as gone for good, in the scenario that waits for it. */
  readonly downTimeoutMs: number;
}

export interface ScenarioContext extends ScenarioSizes {
  readonly seed: number;
  readonly progress: (line: string) => void;
}

export interface ScenarioResult {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
}

/** One kind of fault, and what must hold through it. */
export interface Scenario {
  /** As in `npm run faults -- storage a,c`. */
  readonly letter: string;
  readonly name: string;
  run(context: ScenarioContext): Promise<ScenarioResult>;
}

/** Begins every key of a scenario. */
export const PREFIX = 'faults/';
/** For writes that are waited for: a swarm that takes longer is stuck. */
export const WRITES_PATIENCE_MS = 120_000;

const KEYS = 60;
const SHARED = 20;

export interface Load {
  readonly history: History;
  readonly random: Random;
  readonly workload: Workload;
}

/** Writers that are not started yet, and what remembers all they do. */
export function prepareLoad({ seed, writers }: ScenarioContext, sites: () => readonly Site[]): Load {
  const history = new History();
  const random = new Random(seed);
  const workload = new Workload({
    writers,
    keys: KEYS,
    shared: SHARED,
    prefix: PREFIX,
    sites,
    history,
    random,
  });
  return { history, random, workload };
}
