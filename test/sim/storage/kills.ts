/** Writes while nodes are killed and come back: one after another, then all at once. */
import { setTimeout as wait } from 'node:timers/promises';
import { atMost, quantile, round } from '../../support/experiment.ts';
import { audit, historyFigures, historyTargets } from './audit.ts';
import { PREFIX, prepareLoad, type Scenario, WRITES_PATIENCE_MS } from './scenario.ts';
import { Swarm } from './swarm.ts';

/** Acknowledged writes between a kill and the restart, and between that and the next kill. */
const WRITES_DOWN = 60;
const WRITES_UP = 60;
const STAGGER_MS = 1_000;
/** Time a node may take to be ready again. */
const READY_MAX_MS = 5_000;

export const killOne: Scenario = {
  letter: 'a',
  name: 'one after another killed with -9 and restarted under writes',
  run: async (context) => {
    const { nodes, writes, seed, progress } = context;
    const swarm = await Swarm.start(nodes);
    try {
      const { history, random, workload } = prepareLoad(context, () => swarm.sites);
      const readyMs: number[] = [];
      workload.start();
      try {
        while (history.acked < writes) {
          const victim = random.pick(swarm.up);
          await victim.kill();
          await workload.more(WRITES_DOWN, WRITES_PATIENCE_MS);
          readyMs.push(await victim.start());
          await workload.more(WRITES_UP, WRITES_PATIENCE_MS);
          progress(
            `kill ${readyMs.length}: ${history.acked} acknowledged, ${history.violationCount} violations`,
          );
        }
      } finally {
        await workload.stop();
      }
      const unreadable = await audit(history, swarm.sites, random, PREFIX);
      const kills = readyMs.length;
      return {
        figures: { seed, kills, ready: summary(readyMs), ...historyFigures(history, swarm.sites) },
        targets: historyTargets('one killed', history, unreadable),
      };
    } finally {
      await swarm.stop();
    }
  },
};

export const killAll: Scenario = {
  letter: 'b',
  name: 'all killed with -9 at once under writes, and restarted one after another',
  run: async (context) => {
    const { nodes, writes, seed, progress } = context;
    const swarm = await Swarm.start(nodes);
    try {
      const { history, random, workload } = prepareLoad(context, () => swarm.members.map(({ site }) => site));
      workload.start();
      try {
        await workload.more(Math.ceil(writes / 5), WRITES_PATIENCE_MS);
        await Promise.all(swarm.members.map((member) => member.kill()));
      } finally {
        await workload.stop();
      }
      const readyMs = await Promise.all(
        swarm.members.map((member, index) => wait(index * STAGGER_MS).then(() => member.start())),
      );
      const said = swarm.members.map(
        ({ saidMs }, index) => `${round(saidMs, 0)}/${round(readyMs[index] ?? 0, 0)}`,
      );
      progress(`said that they are ready, and are, after ms: ${said.join(', ')}`);
      const unreadable = await audit(history, swarm.sites, random, PREFIX);
      return {
        figures: { seed, ready: summary(readyMs), ...historyFigures(history, swarm.sites) },
        targets: [
          ...historyTargets('all killed', history, unreadable),
          atMost('all killed: slowest to be ready, ms', round(Math.max(...readyMs), 0), READY_MAX_MS),
        ],
      };
    } finally {
      await swarm.stop();
    }
  },
};

function summary(ms: readonly number[]): { p50Ms: number; maxMs: number } {
  return { p50Ms: round(quantile(ms, 0.5), 0), maxMs: round(Math.max(...ms), 0) };
}
