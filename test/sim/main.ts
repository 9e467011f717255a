import { atMost, experiment, runExperiments } from '../support/experiment.ts';
import { churn } from './churn.ts';
import { disk } from './disk.ts';
import { disturbance } from './disturbance.ts';
import { membership } from './membership.ts';
import { promises } from './promises.ts';
import { relayChurn } from './relay-churn.ts';
import { storage } from './storage.ts';

const relay = experiment({
  name: 'relay',
  summary: '12 node processes, 10 000 envelopes of 6 authors, a kill -9 with restart and a late join',
  full: { nodes: 12, envelopes: 10_000, authors: 6 },
  smoke: { nodes: 3, envelopes: 200, authors: 2 },
  async run(sizes, { progress }) {
    const result = await relayChurn({ ...sizes, progress });
    const { published, nodes, ...faults } = result;
    const targets = Object.entries(faults).map(([name, value]) => atMost(name, value, 0));
    return { name: 'relay', figures: { published, nodes, ...faults }, targets };
  },
});

/** `npm run faults -- NAME [--json] [--smoke]`: a fault that was not withstood makes it fail. */
process.exitCode = await runExperiments(
  [relay, disturbance, storage, churn, disk, membership, promises],
  process.argv.slice(2),
  { isJudged: true },
);
