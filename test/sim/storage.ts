import type { Experiment, Target } from '../support/experiment.ts';
import { moveHomes } from './storage/joins.ts';
import { killAll, killOne } from './storage/kills.ts';
import { splitNetwork } from './storage/partition.ts';
import { loseReplicas } from './storage/replicas.ts';
import type { Scenario, ScenarioContext } from './storage/scenario.ts';

const NODES = 7;
const WRITES = 5_000;

export const SCENARIOS: readonly Scenario[] = [killOne, killAll, loseReplicas, splitNetwork, moveHomes];

/** `npm run faults -- storage [letters, e.g. a,c] [writes] [seed]`. */
export const storage: Experiment = {
  name: 'storage',
  summary: `${NODES} node processes: ${WRITES} acknowledged writes through kills, a split network, lost and new nodes`,
  async run({ progress, options }) {
    const letters = options[0]?.split(',');
    const chosen = SCENARIOS.filter(({ letter }) => letters?.includes(letter) ?? true);
    const writes = Number(options[1] ?? WRITES);
    const seed = Number(options[2] ?? Date.now() % 2 ** 31);
    const figures: Record<string, unknown> = {};
    const targets: Target[] = [];
    for (const scenario of chosen) {
      const { letter, name } = scenario;
      progress(`${letter}: ${name}, seed ${seed}`);
      const context: ScenarioContext = {
        nodes: NODES,
        writes,
        seed,
        progress: (line) => progress(`${letter}: ${line}`),
      };
      const result = await scenario.run(context);
      figures[`${letter}: ${name}`] = result.figures;
      targets.push(...result.targets);
    }
    return { name: 'storage', figures, targets };
  },
};
