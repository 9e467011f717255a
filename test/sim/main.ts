import { atMost, type Experiment, runExperiment } from '../support/experiment.ts';
import { churn } from './churn.ts';
import { disk } from './disk.ts';
import { disturbance } from './disturbance.ts';
import { membership } from './membership.ts';
import { promises } from './promises.ts';
import { relayChurn } from './relay-churn.ts';
import { storage } from './storage.ts';

const relay: Experiment = {
  name: 'relay',
  summary: '12 node processes, 10 000 envelopes of 6 authors, a kill -9 with restart and a late join',
  async run({ progress }) {
    const result = await relayChurn({ nodes: 12, envelopes: 10_000, authors: 6, progress });
    const { published, nodes, ...faults } = result;
    const targets = Object.entries(faults).map(([name, value]) => atMost(name, value, 0));
    return { name: 'relay', figures: { published, nodes, ...faults }, targets };
  },
};

/** `npm run faults -- NAME [--json]`: a fault that was not withstood makes it fail. */
const result = await runExperiment(
  [relay, disturbance, storage, churn, disk, membership, promises],
  process.argv.slice(2),
);
if (typeof result === 'number') process.exitCode = result;
else process.exitCode = result.targets.every((target) => target.met) ? 0 : 1;
