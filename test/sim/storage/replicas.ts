/** R − 1 of the R replicas of a receipt are killed: the last one serves, and R copies exist again. */
import { atMost, median, round, type Target } from '../../support/experiment.ts';
import { audit, historyFigures, historyTargets } from './audit.ts';
import type { History } from './history.ts';
import type { Random } from './random.ts';
import { PREFIX, prepareLoad, type Scenario, WRITES_PATIENCE_MS } from './scenario.ts';
import type { Holder, Outcome, Site } from './site.ts';
import { Swarm, until } from './swarm.ts';

const REPLICAS = 3;
const COPIES_MAX_MS = 60_000;
/** Beyond the target, to say by how much it was missed. */
const COPIES_PATIENCE_MS = 150_000;
const READ_PATIENCE_MS = 20_000;
/** Other records, so that the swarm has more to copy than the one that is looked at. */
const BACKGROUND = 600;

interface Round {
  /** Until `consistency=one` gave the value at a node that does not hold it. */
  readonly readOneMs: number;
  readonly isDegradedSaid: boolean;
  readonly copiesMs: number;
  /** Final holders, when they were too few. */
  readonly holders?: readonly Holder[];
}

export const loseReplicas: Scenario = {
  letter: 'c',
  name: 'R-1 of the replicas of a receipt killed',
  run: async (context) => {
    const { nodes, writes, losses, seed, progress } = context;
    // as many as there are replicas must be left
    const swarm = await Swarm.start(Math.max(nodes, 2 * REPLICAS - 1));
    try {
      const { history, random, workload } = prepareLoad(context, () => swarm.sites);
      workload.start();
      try {
        await workload.more(Math.min(writes, BACKGROUND), WRITES_PATIENCE_MS);
      } finally {
        await workload.stop();
      }
      const rounds: Round[] = [];
      for (let number = 0; number < losses; number++) {
        const one = await loseOnce(swarm, history, random, number);
        rounds.push(one);
        progress(JSON.stringify(one));
      }
      const unreadable = await audit(history, swarm.sites, random, PREFIX);
      return {
        figures: { seed, rounds, ...historyFigures(history, swarm.sites) },
        targets: [...targetsOf(rounds), ...historyTargets('replicas lost', history, unreadable)],
      };
    } finally {
      await swarm.stop();
    }
  },
};

async function loseOnce(swarm: Swarm, history: History, random: Random, number: number): Promise<Round> {
  const key = `${PREFIX}lost/${number}`;
  const text = `the only copy ${number}`;
  const { etag, replicas } = await putAll(history, random.pick(swarm.sites), key, text);
  if (replicas.length !== REPLICAS) throw new Error(`a receipt for all names ${replicas.join()}`);
  const [, ...others] = replicas;
  const reader = random.pick(swarm.up.filter(({ peerId }) => !replicas.includes(peerId)));
  const victims = others.map((peerId) => swarm.member(peerId));
  await Promise.all(victims.map((victim) => victim.kill()));
  const killedAt = performance.now();
  const readOneMs = await until(
    'it is readable with consistency=one',
    async () => isValue(await reader.site.get(key, 'one'), text),
    READ_PATIENCE_MS,
  );
  const read = await reader.site.get(key, 'default');
  const isDegradedSaid = read.kind === 'value' && read.text === text && read.isDegraded;
  await until(
    'there are R copies again',
    async () => {
      const holders = await reader.site.where(key);
      return holders.filter((holder) => holder.isLive && holder.etag === etag).length >= REPLICAS;
    },
    COPIES_PATIENCE_MS,
  ).catch(() => undefined);
  const holders = await reader.site.where(key);
  const copies = holders.filter((holder) => holder.isLive && holder.etag === etag).length;
  const copiesMs = copies >= REPLICAS ? performance.now() - killedAt : Number.POSITIVE_INFINITY;
  await Promise.all(victims.map((victim) => victim.start()));
  const missing = copies >= REPLICAS ? {} : { holders };
  return { readOneMs: round(readOneMs, 0), isDegradedSaid, copiesMs: round(copiesMs, 0), ...missing };
}

async function putAll(
  history: History,
  site: Site,
  key: string,
  text: string,
): Promise<Extract<Outcome, { kind: 'acked' }>> {
  const op = history.begin({ key, kind: 'put', text });
  const outcome = await site.put(key, text, { durability: 'all' });
  history.end(op, outcome);
  if (outcome.kind !== 'acked') throw new Error(`durability=all was ${outcome.kind}: ${outcome.code}`);
  return outcome;
}

function isValue(read: Awaited<ReturnType<Site['get']>>, text: string): boolean {
  return read.kind === 'value' && read.text === text;
}

function targetsOf(rounds: readonly Round[]): Target[] {
  const worst = Math.max(...rounds.map(({ copiesMs }) => copiesMs));
  const silent = rounds.filter(({ isDegradedSaid }) => !isDegradedSaid).length;
  return [
    atMost('replicas lost: slowest until R copies exist again, ms', worst, COPIES_MAX_MS),
    atMost('replicas lost: default reads without the value or without a word of degraded', silent, 0),
    atMost(
      'replicas lost: until readable with consistency=one, ms',
      median(rounds.map((r) => r.readOneMs)),
      READ_PATIENCE_MS,
    ),
  ];
}
