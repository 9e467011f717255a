import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Member, type MemberInit } from './member.ts';
import type { Site } from './site.ts';

/** Nodes started at a time: a start is mostly processor time. */
const STARTS_TOGETHER = 4;
const POLL_MS = 100;
const MEMBERS_PATIENCE_MS = 60_000;

/** Nodes on loopback, each a process of its own. */
export class Swarm {
  readonly members: Member[] = [];
  readonly gateways: Member[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'maillon-faults-'));
  readonly #flags: readonly string[];

  private constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  /** Resolves when every node has its share and counts every other as a replica: a node that is lost before may have been the only one. */
  static async start(nodes: number, flags: readonly string[] = []): Promise<Swarm> {
    const swarm = new Swarm(flags);
    try {
      await swarm.add(1);
      for (let left = nodes - 1; left > 0; left -= STARTS_TOGETHER) {
        await swarm.add(Math.min(left, STARTS_TOGETHER));
      }
      await swarm.agreed();
      return swarm;
    } catch (error) {
      await swarm.stop();
      throw error;
    }
  }

  get up(): readonly Member[] {
    return this.members.filter(({ isUp }) => isUp);
  }

  get sites(): readonly Site[] {
    return this.up.map(({ site }) => site);
  }

  /** Adds nodes, which join through the first two that are up. */
  async add(count: number): Promise<readonly Member[]> {
    const added = Array.from(
      { length: count },
      (_, index) => new Member(`node-${this.members.length + index}`, this.#init('node')),
    );
    this.members.push(...added);
    await Promise.all(added.map((member) => member.start()));
    return added;
  }

  /** Adds a light gateway, which is no member: it keeps nothing. */
  async addGateway(): Promise<Member> {
    const gateway = new Member(`gateway-${this.gateways.length}`, this.#init('gateway'));
    this.gateways.push(gateway);
    await gateway.start();
    return gateway;
  }

  /** Waits until every node that is up takes `count` nodes for replicas. */
  async agreed(count = this.members.length): Promise<void> {
    await until(
      `all take ${count} nodes for replicas`,
      async () => {
        const seen = await Promise.all(this.sites.map((site) => site.replicas()));
        return seen.every((replicas) => replicas === count);
      },
      MEMBERS_PATIENCE_MS,
    );
  }

  member(peerId: string): Member {
    const found = this.members.find((one) => one.peerId === peerId);
    if (found === undefined) throw new Error(`nobody is ${peerId}`);
    return found;
  }

  async stop(): Promise<void> {
    // what they still have to say is of no interest, and seven clean stops take their time
    await Promise.all([...this.members, ...this.gateways].map((member) => member.kill()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #init(command: 'node' | 'gateway'): MemberInit {
    const bootstrap = this.up.slice(0, 2).map(({ address }) => address);
    return { directory: this.#directory, bootstrap, flags: this.#flags, command };
  }
}

/** Waits for `condition`, and says how long it took. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  patienceMs: number,
): Promise<number> {
  const since = performance.now();
  while (!(await condition())) {
    if (performance.now() - since > patienceMs) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await wait(POLL_MS);
  }
  return performance.now() - since;
}
