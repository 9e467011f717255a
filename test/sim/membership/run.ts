import { CLOCK_SKEW_MS } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { KIND_VALUE, type RecordName } from '../../../protocols/storage/index.ts';
import { checkEnd, hasReadySponsor } from './ending.ts';
import { type History, type Step, type TimedStep } from './history.ts';
import type { Plant, SimNode } from './node.ts';
import { Oracle, type Violation } from './oracle.ts';
import { World } from './world.ts';

export interface Outcome {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<string, number>>;
  /** Simulated. */
  readonly ms: number;
}

const NAMESPACE = 'promises';
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** How long nothing but joiners may have come and gone before a write that is refused is their fault. */
const CALM_MS = 40 * SECOND_MS;
/** A node that leaves sooner was only ever a joiner. */
const JOINING_MS = SECOND_MS;
/** After the last fault: the down timeout, and time to sync, to hand over and to look after it all. */
const RECOVERY_MS = 25 * MINUTE_MS;

/** Plays a history: nodes that come and go, and their clients. */
export class Run {
  readonly oracle = new Oracle();
  readonly #history: History;
  readonly #world: World;
  /** Faults of the simulation itself. */
  readonly #faults: unknown[] = [];
  readonly #started = new Set<number>();
  /** Those that ever held their share. */
  readonly #established = new Set<number>();
  /** When something other than a joiner came or went. */
  #disturbedAt = -Infinity;
  #values = 0;

  constructor(history: History, plant: Plant = {}) {
    this.#history = history;
    this.#world = new World(history, plant, {
      onChange: (node, change) => this.oracle.changed(node, change),
      onReach: () => this.oracle.noteReach(),
    });
    this.oracle.watch(this.#world);
  }

  async run(onStep: (step: TimedStep, ms: number) => void = () => undefined): Promise<Outcome> {
    const { clock } = this.#world.time;
    try {
      for (const step of this.#history.steps) {
        await this.#world.pass(step.afterMs);
        onStep(step, clock.monotonicNow());
        this.oracle.look();
        this.#do(step);
        if (this.oracle.violations.length > 0) break;
      }
      if (this.oracle.violations.length === 0) await this.#end();
      if (this.#faults.length > 0) throw this.#faults[0];
      const { violations, counts } = this.oracle;
      return { violations, counts, ms: clock.monotonicNow() };
    } finally {
      this.#world.end();
    }
  }

  #do(step: Step): void {
    const world = this.#world;
    switch (step.do) {
      case 'start':
        return this.#start(step.node);
      case 'stop':
      case 'crash':
        return this.#leave(step);
      case 'lose':
        if (world.machine(step.node).isLost || !this.#started.has(step.node)) return;
        this.#disturb();
        this.#established.add(step.node);
        this.oracle.noteLoss(world.machine(step.node));
        return world.lose(step.node, step.isForGood);
      case 'split':
        this.#disturb();
        return world.split(step.nodes);
      case 'cut':
        this.#disturb();
        return world.cut(step.node, step.other);
      case 'heal':
        this.#disturb();
        return world.heal();
      case 'clock':
        this.#disturb();
        this.oracle.noteClock(step.ms);
        world.machine(step.node).clockOffsetMs = step.ms;
        return;
      case 'sponsor':
        return this.#sponsor(step);
      case 'wait':
        return;
      default:
        return this.#ask(step);
    }
  }

  #start(index: number): void {
    if (this.#world.node(index) !== null || this.#world.machine(index).isLost) return;
    // one that comes for the first time disturbs nobody, whatever becomes of it
    if (this.#started.has(index)) this.#disturb();
    this.#started.add(index);
    this.oracle.noteStart(this.#world.machine(index));
    this.#world.start(index);
  }

  #leave(step: Extract<Step, { do: 'stop' | 'crash' | 'start' }>): void {
    const node = this.#world.node(step.node);
    if (node === null) return;
    if (this.#established.has(step.node) || this.#isEstablished(node)) {
      this.#established.add(step.node);
      this.#disturb();
    } else this.#started.delete(step.node);
    if (step.do === 'crash') this.#world.crash(step.node, step.isSilent);
    else this.#world.stop(step.node);
  }

  #sponsor({ node, owner, operator, isOn }: Extract<Step, { do: 'sponsor' }>): void {
    const world = this.#world;
    const [holder = '', sponsor = ''] = [world.owners[owner], world.owners[operator]];
    // an owner's own nodes always keep what is his
    if (holder === sponsor || world.node(node) === null) return;
    this.#disturb();
    const operators = new Set(world.sponsorsOf(holder));
    if (isOn) operators.add(sponsor);
    else operators.delete(sponsor);
    world.sponsor(node, holder, operators);
  }

  #ask(step: Extract<Step, { do: 'put' | 'delete' | 'get' | 'list' }>): void {
    const node = this.#world.node(step.node);
    if (node === null) return;
    // of a process that dies meanwhile there is no answer
    this.#answered(node, step).catch((error: unknown) => this.#faults.push(error));
  }

  #answered(node: SimNode, step: Extract<Step, { do: 'put' | 'delete' | 'get' | 'list' }>): Promise<void> {
    if (step.do === 'list') return this.#list(node, step.owner);
    const name = this.nameOf(step.owner, step.key);
    if (step.do === 'get') return this.#get(node, name, step.consistency);
    return step.do === 'put' ? this.#put(node, name, step) : this.#delete(node, name);
  }

  nameOf(owner: number, key: number): RecordName {
    return { owner: this.#world.owners[owner] ?? '', namespace: NAMESPACE, key: `key-${key}` };
  }

  async #put(node: SimNode, name: RecordName, step: Extract<Step, { do: 'put' }>): Promise<void> {
    const { durability, condition, ttlMs } = step;
    const since = this.#world.now;
    // whoever has just met the others does not know yet who is to keep it
    const isMet = node.places.of(node.partitions.of(name)).isSponsored;
    this.#values += 1;
    const content = { kind: KIND_VALUE, value: Buffer.from(`value ${this.#values}`) } as const;
    try {
      const options = { durability, ...(ttlMs === null ? {} : { ttlMs }) };
      const held = condition === 'ifVersion' ? await node.coordinator.get(name, 'majority') : null;
      if (condition === 'ifVersion' && held === null) return;
      const onto = condition === 'ifAbsent' ? { ifAbsent: true } : {};
      const version = held === null ? {} : { ifVersion: held.etag };
      const receipt = await node.coordinator.put(name, content, { ...options, ...onto, ...version });
      this.oracle.acked(name, receipt, false);
    } catch (error) {
      this.#failed(error);
      if (isMet) this.#checkBlocked(node, name, error, since);
    }
  }

  async #delete(node: SimNode, name: RecordName): Promise<void> {
    try {
      this.oracle.acked(name, await node.coordinator.delete(name, {}), true);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #get(node: SimNode, name: RecordName, consistency: 'one' | 'majority' | 'default'): Promise<void> {
    const since = this.#world.now;
    const { counts } = this.oracle;
    counts.reads += 1;
    try {
      const read = await node.coordinator.get(name, consistency === 'default' ? undefined : consistency);
      if (read?.degraded === true) counts.degraded += 1;
      else if (consistency !== 'one') this.oracle.checkRead(node.id, name, read, since);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      counts.readsFailed += 1;
    }
  }

  async #list(node: SimNode, owner: number): Promise<void> {
    const namespace = { owner: this.#world.owners[owner] ?? '', namespace: NAMESPACE };
    await node.coordinator.list(namespace).catch((error: unknown) => {
      if (!(error instanceof CodedError)) throw error;
    });
  }

  #failed(error: unknown): void {
    if (!(error instanceof CodedError)) throw error;
    this.oracle.counts[error.code === 'outcome_unknown' ? 'unclear' : 'refused'] += 1;
  }

  /** A write that finds too few replicas although only joiners are missing. */
  #checkBlocked(node: SimNode, name: RecordName, error: unknown, since: number): void {
    const isBlocked =
      error instanceof CodedError &&
      (error.code === 'insufficient_replicas' || error.code === 'outcome_unknown');
    if (!isBlocked || since - Math.max(this.#disturbedAt, node.startedAt) < CALM_MS || node.isDead) return;
    if (!this.#isWhole() || !hasReadySponsor(this.#world, name.owner, CALM_MS)) return;
    if (this.oracle.wasContested(name, since)) return;
    this.oracle.violated('I5', `a write at ${this.oracle.nameOf(node.id)} was refused (${error.message})`);
  }

  /** Whether all nodes that ever held their share are there, and their clocks are right. */
  #isWhole(): boolean {
    // there may be values that nobody can write over yet
    if (this.oracle.wasClockAhead) return false;
    const { machines, net } = this.#world;
    const there = machines.filter((_, index) => this.#started.has(index));
    return there.every((machine) => {
      if (machine.isLost || Math.abs(machine.clockOffsetMs) > CLOCK_SKEW_MS / 2) return false;
      return there.every(({ id }) => id === machine.id || net.isReachable(id, machine.id));
    });
  }

  /** Whether a node is no joiner any more: it became a replica of something, or had the time to. */
  #isEstablished(node: SimNode): boolean {
    if (this.#world.up.length === 1 || this.#world.now - node.startedAt > JOINING_MS) return true;
    for (const { place } of node.machine.disk.partitions) {
      const { isReplica, isSynced } = node.states.of(place);
      if (isReplica && isSynced) return true;
    }
    return false;
  }

  #disturb(): void {
    this.#disturbedAt = this.#world.now;
  }

  async #end(): Promise<void> {
    const world = this.#world;
    this.#disturb();
    world.heal();
    world.introduce();
    for (const [index, machine] of world.machines.entries()) {
      machine.clockOffsetMs = Math.max(
        -CLOCK_SKEW_MS / 2,
        Math.min(CLOCK_SKEW_MS / 2, machine.clockOffsetMs),
      );
      if (this.#started.has(index)) world.start(index);
    }
    await world.pass(RECOVERY_MS);
    if (this.oracle.violations.length === 0) await checkEnd(world, this.oracle);
  }
}
