import { experiment, type Target } from '../support/experiment.ts';
import { moveReplicas } from './storage/joins.ts';
import { killAll, killOne } from './storage/kills.ts';
import { splitNetwork } from './storage/partition.ts';
import { loseReplicas } from './storage/replicas.ts';
import type { Scenario, ScenarioSizes } from './storage/scenario.ts';

const FULL: ScenarioSizes = {
  nodes: 7,
  writes: 5_000,
  writers: 6,
  // the larger side has the majority of most replicas, the smaller one of some
  sides: [3, 2],
  writersPerSide: 8,
  losses: 3,
  beforeMs: 3_000,
  cutMs: 60_000,
  firstNodes: 4,
  joins: 3,
  downTimeoutMs: 15_000,
};
const SMOKE: ScenarioSizes = {
  nodes: 3,
  writes: 30,
  writers: 1,
  sides: [2, 1],
  writersPerSide: 2,
  losses: 1,
  beforeMs: 500,
  cutMs: 1_000,
  firstNodes: 3,
  joins: 1,
  downTimeoutMs: 3_000,
};

export const SCENARIOS: readonly Scenario[] = [killOne, killAll, loseReplicas, splitNetwork, moveReplicas];

/** `npm run faults -- storage [letters, e.g. a,c] [writes] [seed]`. */
export const storage = experiment({
  name: 'storage',
  summary: `${FULL.nodes} node processes: ${FULL.writes} acknowledged writes through kills, a split network, lost and new nodes`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options }) {
    const letters = options[0]?.split(',');
    const chosen = SCENARIOS.filter(({ letter }) => letters?.includes(letter) ?? true);
    const writes = Number(options[1] ?? sizes.writes);
    const seed = Number(options[2] ?? Date.now() % 2 ** 31);
    const figures: Record<string, unknown> = {};
    const targets: Target[] = [];
    for (const scenario of chosen) {
      const { letter, name } = scenario;
      progress(`${letter}: ${name}, seed ${seed}`);
      const result = await scenario.run({
        ...sizes,
        writes,
        seed,
        progress: (line) => progress(`${letter}: ${line}`),
      });
      figures[`${letter}: ${name}`] = result.figures;
      targets.push(...result.targets);
    }
    return { name: 'storage', figures, targets };
  },
});
