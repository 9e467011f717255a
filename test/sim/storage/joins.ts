/** Nodes join while everybody writes, and one is lost for good: replicas move, and take everything with them. */
import { atMost, round } from '../../support/experiment.ts';
import { audit, historyFigures, historyTargets } from './audit.ts';
import type { History } from './history.ts';
import { PREFIX, prepareLoad, type Scenario, WRITES_PATIENCE_MS } from './scenario.ts';
import type { Site } from './site.ts';
import { Swarm, until } from './swarm.ts';

const REPLICAS = 3;
const WRITES_BETWEEN = 150;
const MOVED_MAX_MS = 60_000;
const MOVED_PATIENCE_MS = 180_000;
/** Keys whose holders are looked at: each partition several times over. */
const SAMPLE = 64;

export const moveReplicas: Scenario = {
  letter: 'e',
  name: 'nodes join under writes, and one is gone for longer than the down timeout',
  run: async (context) => {
    const { writes, firstNodes, joins, downTimeoutMs, seed, progress } = context;
    const swarm = await Swarm.start(firstNodes, ['--storage-down-timeout-ms', `${downTimeoutMs}`]);
    try {
      const { history, random, workload } = prepareLoad(context, () => swarm.sites);
      const joinMs: number[] = [];
      let leaveMs = Number.POSITIVE_INFINITY;
      workload.start();
      try {
        await workload.more(Math.min(writes, 600), WRITES_PATIENCE_MS);
        while (swarm.members.length < firstNodes + joins) {
          await swarm.add(1);
          await workload.more(Math.min(writes, WRITES_BETWEEN), WRITES_PATIENCE_MS);
          joinMs.push(await moved(swarm, history));
          progress(
            `${swarm.members.length} nodes: replica sets are complete after ${round(joinMs.at(-1) ?? 0, 0)} ms`,
          );
        }
        const lost = swarm.members[1];
        await lost?.kill();
        await workload.more(Math.min(writes, WRITES_BETWEEN), WRITES_PATIENCE_MS);
        await until('the lost one is no replica', async () => await isOut(swarm), MOVED_PATIENCE_MS);
        leaveMs = await moved(swarm, history);
        progress(`one lost for good: replica sets are complete after ${round(leaveMs, 0)} ms`);
      } finally {
        await workload.stop();
      }
      const unreadable = await audit(history, swarm.sites, random, PREFIX);
      const slowest = Math.max(...joinMs, leaveMs);
      return {
        figures: { seed, joinMs, leaveMs: round(leaveMs, 0), ...historyFigures(history, swarm.sites) },
        targets: [
          ...historyTargets('replicas moved', history, unreadable),
          atMost(
            'replicas moved: slowest until replicas are live, synced and complete, ms',
            round(slowest, 0),
            MOVED_MAX_MS,
          ),
        ],
      };
    } finally {
      await swarm.stop();
    }
  },
};

async function isOut(swarm: Swarm): Promise<boolean> {
  const seen = await Promise.all(swarm.sites.map((site) => site.replicas()));
  return seen.every((replicas) => replicas === swarm.up.length);
}

/** Waits until every replica of a sample of keys is live, synced and has something of the key. */
async function moved(swarm: Swarm, history: History): Promise<number> {
  const site = swarm.sites[0];
  if (site === undefined) throw new Error('nobody is up');
  // a key that was never acknowledged may be nowhere
  const keys = history.keys.filter((key) => history.base(key) !== null).slice(0, SAMPLE);
  return until(
    'every replica of every key is live and synced',
    async () => {
      for (const key of keys) if (!(await isComplete(site, key))) return false;
      return true;
    },
    MOVED_PATIENCE_MS,
  );
}

async function isComplete(site: Site, key: string): Promise<boolean> {
  const replicaSet = (await site.where(key)).filter(({ role }) => role === 'replica');
  return (
    replicaSet.length === REPLICAS &&
    replicaSet.every((replica) => replica.isLive && replica.isSynced === true && replica.etag !== null)
  );
}
