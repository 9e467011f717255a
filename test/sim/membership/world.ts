import { didKey } from '../../../protocols/common/did-key.ts';
import { peerIdOf } from '../../support/announcements.ts';
import { authorNumber } from '../../support/directory.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import type { RowChange } from '../../support/memory-disk.ts';
import { Random } from '../storage/random.ts';
import { createSimCrypto, createSimSigner } from './crypto.ts';
import { type History, IDENTITIES } from './history.ts';
import { Machine } from './machine.ts';
import { Net } from './net.ts';
import { type Plant, SimNode } from './node.ts';
import type { WorldTime } from './node-clock.ts';

const START = 1_760_000_000_000;
const MINUTE_MS = 60_000;
/** How long each part of a wait is, and how often things happen in it at most: less and less goes on. */
const PACES: readonly { readonly forMs: number; readonly tickMs: number }[] = [
  { forMs: 3_000, tickMs: 100 },
  { forMs: 30_000, tickMs: 500 },
  { forMs: 4 * MINUTE_MS, tickMs: 2_000 },
  { forMs: 20 * MINUTE_MS, tickMs: 8_000 },
  { forMs: Infinity, tickMs: 10 * MINUTE_MS },
];

const crypto = createSimCrypto();
const signer = createSimSigner(new Uint8Array(32).fill(7));
const peerIds: readonly string[] = Array.from({ length: IDENTITIES }, (_, n) => peerIdOf(authorNumber(n)));

export interface WorldEvents {
  readonly onChange: (node: SimNode, change: RowChange) => void;
  /** A node is up or down, or reaches others than before. */
  readonly onReach: () => void;
}

/** The machines of a history, what runs on them, and the time. */
export class World {
  readonly time: WorldTime = { clock: new ManualClock(START), tickMs: 100 };
  readonly net: Net;
  readonly machines: readonly Machine[];
  readonly owners: readonly string[];
  /** By owner, as it said last. */
  readonly #sponsors = new Map<string, ReadonlySet<string>>();
  #notices = 0;
  readonly #nodes = new Map<number, SimNode>();
  readonly #random: Random;
  readonly #plant: Plant;
  readonly #events: WorldEvents;

  constructor(history: History, plant: Plant, events: WorldEvents) {
    this.#random = new Random(history.seed ^ 0x5eed);
    this.#plant = plant;
    this.#events = events;
    const { clock } = this.time;
    this.net = new Net({ clock, random: this.#random }, { isEncoded: history.seed % 64 === 0 });
    this.owners = history.sponsors.map((_, n) => ownerOf(n));
    for (const [owner, operators] of history.sponsors.entries()) {
      this.#sponsors.set(ownerOf(owner), new Set(operators.map(ownerOf)));
    }
    const first = peerIds[history.nodes[0]?.identity ?? 0] ?? '';
    this.machines = history.nodes.map(({ identity, operator, prefix }, index) => {
      return new Machine({
        id: peerIds[identity] ?? '',
        operator: ownerOf(operator),
        sponsors: this.#sponsors,
        prefix,
        bootstrap: index === 0 ? [] : [first],
      });
    });
  }

  get now(): number {
    return this.time.clock.now();
  }

  get up(): SimNode[] {
    return [...this.#nodes.values()];
  }

  machine(index: number): Machine {
    const machine = this.machines[index];
    if (machine === undefined) throw new Error(`there is no machine ${index}`);
    return machine;
  }

  node(index: number): SimNode | null {
    return this.#nodes.get(index) ?? null;
  }

  /** Operators that an owner wants to sponsor what it holds. */
  sponsorsOf(owner: string): ReadonlySet<string> {
    return this.#sponsors.get(owner) ?? new Set([owner]);
  }

  /** An owner says it at a machine; from there it spreads. */
  sponsor(index: number, owner: string, operators: ReadonlySet<string>): void {
    this.#sponsors.set(owner, operators);
    this.#notices += 1;
    this.machine(index).hear(owner, { version: this.#notices, operators });
  }

  /** Starts a process where there is none, and the machine is there. */
  start(index: number): void {
    const machine = this.machine(index);
    if (this.#nodes.has(index) || machine.isLost) return;
    const { time, net } = this;
    const { onChange } = this.#events;
    const shared = { time, net, random: this.#random, crypto, signer, onChange, plant: this.#plant };
    const node = new SimNode({ ...shared, machine });
    this.#nodes.set(index, node);
    void node.start();
    this.#events.onReach();
  }

  stop(index: number): void {
    this.#nodes.get(index)?.stop();
    this.#gone(index);
  }

  crash(index: number, isSilent: boolean): void {
    this.#nodes.get(index)?.kill(isSilent);
    this.#gone(index);
  }

  /** A machine whose disk is lost is told of the others when it is set up again. */
  lose(index: number, isForGood: boolean): void {
    this.crash(index, true);
    this.machine(index).lose(this.machines.map(({ id }) => id));
    if (isForGood) this.machine(index).isLost = true;
  }

  split(nodes: readonly number[]): void {
    this.net.split(new Map(nodes.map((index) => [this.machine(index).id, 1])));
    this.#events.onReach();
  }

  cut(a: number, b: number): void {
    this.net.cut(this.machine(a).id, this.machine(b).id);
    this.#events.onReach();
  }

  heal(): void {
    this.net.heal();
    this.#events.onReach();
  }

  /** Everybody is told of everybody: whoever was needed to find others may be gone for good. */
  introduce(): void {
    for (const { book } of this.machines) for (const { id } of this.machines) book.add(id);
  }

  async pass(ms: number): Promise<void> {
    let left = ms;
    for (const { forMs, tickMs } of PACES) {
      if (left <= 0) break;
      const part = Math.min(left, forMs);
      this.time.tickMs = tickMs;
      await this.time.clock.advanceAsync(part);
      left -= part;
    }
    this.time.tickMs = 100;
  }

  end(): void {
    for (const index of this.#nodes.keys()) this.crash(index, false);
    for (const machine of this.machines) machine.remove();
  }

  #gone(index: number): void {
    this.#nodes.delete(index);
    this.#events.onReach();
  }
}

function ownerOf(n: number): string {
  return didKey(authorNumber(IDENTITIES + n).multikey);
}
