/** A network cut in two, with writers on both sides of it. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { atLeast, atMost, round } from '../../support/experiment.ts';
import { canUseNamespaces, type Host, Topology } from '../../support/namespaces.ts';
import { type Cleanup, scratch } from '../../support/processes.ts';
import { ROOT } from '../../support/sources.ts';
import { audit, historyFigures, historyTargets } from './audit.ts';
import { History, type Op } from './history.ts';
import { Random } from './random.ts';
import { PREFIX, type Scenario } from './scenario.ts';
import { Site } from './site.ts';
import { until } from './swarm.ts';
import { readMajority } from './workload.ts';

const KEYS = 60;
const HEALED_MAX_MS = 30_000;
const HEALED_PATIENCE_MS = 120_000;
const JOIN_PATIENCE_MS = 60_000;
const PAUSE_MS = 20;
const DOOR = join(ROOT, 'test/support/namespace-door.ts');
/** In a namespace every port is free: swarm and gateway have their usual ones. */
const SWARM_PORT = 4411;
const GATEWAY_PORT = 8080;

interface Placed {
  readonly host: Host;
  readonly site: Site;
}

export const splitNetwork: Scenario = {
  letter: 'd',
  name: 'network cut in two with writes on both sides',
  run: async ({ sides, beforeMs, cutMs, writersPerSide, seed, progress }) => {
    const reason = canUseNamespaces();
    if (reason !== null) return { figures: { skipped: reason }, targets: [] };
    const scope = new Scope();
    const [left, right] = sides;
    try {
      const network = new Topology(scope);
      const placed = await startNodes(scope, network, left + right);
      const sites = placed.map(({ site }) => site);
      const split = new Split([sites.slice(0, left), sites.slice(left)], { seed, writersPerSide });
      progress(`${sites.length} nodes on as many hosts know each other`);
      await split.write(beforeMs);
      const heal = cut(network, placed.slice(0, left), placed.slice(left));
      const cutAt = split.history.now();
      await split.write(cutMs);
      const healAt = split.history.now();
      heal();
      const acknowledged = split.acknowledged(cutAt, healAt);
      progress(`healed; keys acknowledged while cut: ${JSON.stringify(acknowledged)}`);
      const healedMs = await split.settled();
      const { history } = split;
      const unreadable = await audit(history, sites, new Random(seed), PREFIX);
      return {
        figures: { seed, acknowledged, ...historyFigures(history, sites) },
        targets: [
          atMost('split: keys acknowledged at majority on both sides', acknowledged.both, 0),
          atLeast('split: keys acknowledged on one side', acknowledged.left + acknowledged.right, 1),
          atMost('split: until the same winner is everywhere, ms', round(healedMs, 0), HEALED_MAX_MS),
          ...historyTargets('split', history, unreadable),
        ],
      };
    } finally {
      await scope.end();
    }
  },
};

/** Ends what was begun in it, the last first. */
class Scope implements Cleanup {
  readonly #ends: (() => void | Promise<void>)[] = [];

  after(end: () => void | Promise<void>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
  }
}

async function startNodes(scope: Scope, network: Topology, all: number): Promise<Placed[]> {
  const placed: Placed[] = [];
  let bootstrap: string[] = [];
  for (let index = 0; index < all; index++) {
    const host = network.host(`n${index}`);
    const directory = scratch(scope);
    const args = ['node', '--json', '--data', join(directory, 'data'), '--log-level', 'warn', ...bootstrap];
    const program = host.maillon(scope, args, { cwd: directory });
    const { peerId } = JSON.parse(await program.firstLine()) as { peerId: string };
    const socketPath = join(directory, 'door');
    const door = host.start(scope, process.execPath, [DOOR, socketPath, `${GATEWAY_PORT}`]);
    await door.firstLine();
    placed.push({ host, site: new Site(`n${index}`, { socketPath }) });
    if (index === 0) bootstrap = ['--bootstrap', `/ip4/${host.address}/tcp/${SWARM_PORT}/p2p/${peerId}`];
  }
  await until(
    'all know all',
    async () => (await Promise.all(placed.map(({ site }) => site.replicas()))).every((n) => n === all),
    JOIN_PATIENCE_MS,
  );
  return placed;
}

/** Lets nothing pass between the two sides until the answer is called. */
function cut(network: Topology, left: readonly Placed[], right: readonly Placed[]): () => void {
  const heals = left.flatMap((a) => right.map((b) => network.cut(a.host, b.host)));
  return () => {
    for (const heal of heals) heal();
  };
}

/** The writers on both sides, and who wrote what. */
class Split {
  readonly history = new History();
  readonly #sides: readonly (readonly Site[])[];
  readonly #sites: readonly Site[];
  readonly #sideOf = new Map<Op, number>();
  readonly #random: Random;
  readonly #writersPerSide: number;
  #count = 0;

  constructor(
    sides: readonly (readonly Site[])[],
    { seed, writersPerSide }: { readonly seed: number; readonly writersPerSide: number },
  ) {
    this.#sites = sides.flat();
    this.#sides = sides;
    this.#random = new Random(seed);
    this.#writersPerSide = writersPerSide;
  }

  /** Writes and reads the same keys on both sides for so long. */
  async write(ms: number): Promise<void> {
    const end = Date.now() + ms;
    const writer = async (side: number): Promise<void> => {
      while (Date.now() < end) await this.#step(side);
    };
    await Promise.all(
      this.#sides.flatMap((_, side) => Array.from({ length: this.#writersPerSide }, () => writer(side))),
    );
  }

  async #step(side: number): Promise<void> {
    const random = this.#random;
    const site = random.pick(this.#sides[side] ?? []);
    const key = `${PREFIX}split/${random.below(KEYS)}`;
    this.#count += 1;
    const isDeletion = random.next() < 0.1;
    const text = isDeletion ? '' : `${key} #${this.#count} of side ${side}`;
    const op = this.history.begin({ key, kind: isDeletion ? 'delete' : 'put', text });
    this.#sideOf.set(op, side);
    const outcome = isDeletion ? await site.delete(key) : await site.put(key, text);
    this.history.end(op, outcome);
    await readMajority(this.history, site, key);
    if (outcome.kind !== 'acked') await wait(PAUSE_MS);
  }

  /** On which sides keys were acknowledged by writes between the two times. */
  acknowledged(from: number, to: number): { left: number; right: number; both: number } {
    const counts = { left: 0, right: 0, both: 0 };
    for (const key of this.history.keys) {
      const acked = this.history
        .opsOf(key)
        .filter((op) => op.outcome === 'acked' && op.startedAt > from && op.endedAt < to);
      const sides = new Set(acked.map((op) => this.#sideOf.get(op)));
      if (sides.size === 2) counts.both += 1;
      else if (sides.has(0)) counts.left += 1;
      else if (sides.has(1)) counts.right += 1;
    }
    return counts;
  }

  /** Milliseconds until every node lists the same versions and every replica holds them. */
  async settled(): Promise<number> {
    const since = performance.now();
    return until('the same winner is everywhere', () => this.#isSettled(), HEALED_PATIENCE_MS).catch(
      () => performance.now() - since,
    );
  }

  async #isSettled(): Promise<boolean> {
    const lists = await Promise.all(this.#sites.map((site) => site.list(PREFIX)));
    const [first, ...others] = lists.map((list) => JSON.stringify(list));
    if (lists.some((list) => typeof list === 'string') || others.some((other) => other !== first))
      return false;
    const [site] = this.#sites;
    for (const key of this.history.keys) {
      const replicaSet = (await site?.where(key))?.filter(({ role }) => role === 'replica') ?? [];
      const etags = new Set(replicaSet.map(({ etag }) => etag));
      if (replicaSet.length === 0 || etags.size !== 1 || replicaSet.some((replica) => !replica.isLive))
        return false;
    }
    return true;
  }
}
