import { Random } from '../storage/random.ts';

/** An event at a time. Nodes, keys and owners go by number. One that cannot be done as things stand is passed over. */
export type Step =
  | { readonly do: 'start' | 'stop'; readonly node: number }
  /** `isSilent`: the machine is away, too, so that others find out only by its silence. */
  | { readonly do: 'crash'; readonly node: number; readonly isSilent: boolean }
  /** Its disk is lost; it starts with an empty one, or never again. */
  | { readonly do: 'lose'; readonly node: number; readonly isForGood: boolean }
  | { readonly do: 'split'; readonly nodes: readonly number[] }
  | { readonly do: 'cut'; readonly node: number; readonly other: number }
  | { readonly do: 'heal' }
  | { readonly do: 'clock'; readonly node: number; readonly ms: number }
  /** An owner says at a node whether an operator is to sponsor what it holds. */
  | {
      readonly do: 'sponsor';
      readonly node: number;
      readonly owner: number;
      readonly operator: number;
      readonly isOn: boolean;
    }
  | {
      readonly do: 'put';
      readonly node: number;
      readonly owner: number;
      readonly key: number;
      readonly durability: 'one' | 'majority';
      readonly condition: 'none' | 'ifAbsent' | 'ifVersion';
      readonly ttlMs: number | null;
    }
  | { readonly do: 'delete'; readonly node: number; readonly owner: number; readonly key: number }
  | {
      readonly do: 'get';
      readonly node: number;
      readonly owner: number;
      readonly key: number;
      readonly consistency: 'one' | 'majority' | 'default';
    }
  | { readonly do: 'list'; readonly node: number; readonly owner: number }
  | { readonly do: 'wait' };

export type TimedStep = Step & { readonly afterMs: number };

export interface NodeSpec {
  /** Which of the peer ids it has. */
  readonly identity: number;
  readonly operator: number;
  readonly prefix: string;
}

export interface History {
  readonly seed: number;
  readonly nodes: readonly NodeSpec[];
  /** By owner: the operators that sponsor what it holds from the start. */
  readonly sponsors: readonly (readonly number[])[];
  readonly steps: readonly TimedStep[];
}

export interface HistoryInit {
  readonly ownersMax: number;
}

export const IDENTITIES = 64;
/** Few, so that they are written over; in several partitions. */
const KEYS = 4;
const NODES_MAX = 7;
const STEPS_MIN = 15;
const STEPS_MAX = 45;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A clock that is off by more is refused. */
const OFFSET_MAX_MS = 20_000;

/** A history of `seed`: always the same one. */
export function makeHistory(seed: number, init: HistoryInit): History {
  const random = new Random(seed);
  const count = 1 + random.below(NODES_MAX);
  const owners = 1 + random.below(Math.min(init.ownersMax, count));
  const identities = shuffled(random, IDENTITIES).slice(0, count);
  const prefixes = random.below(3);
  const nodes = identities.map((identity, index): NodeSpec => {
    // the first nodes are one of each owner
    const operator = index < owners ? index : random.below(owners);
    return { identity, operator, prefix: prefixOf(prefixes, index, random) };
  });
  const all = Array.from({ length: owners }, (_, owner) => owner);
  const sponsors = all.map((owner) => all.filter((one) => one === owner || random.below(4) === 0));
  const author = new StepMaker(random, count, owners);
  return { seed, nodes, sponsors, steps: author.make() };
}

/** All in one group of addresses, in one each, or in some. */
function prefixOf(kind: number, index: number, random: Random): string {
  if (kind === 0) return '192.0.2.0/24';
  return kind === 1 ? `198.51.${index}.0/24` : `203.0.${random.below(3)}.0/24`;
}

function shuffled(random: Random, count: number): number[] {
  const items = Array.from({ length: count }, (_, index) => index);
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [items[at], items[other]] = [items[other] ?? 0, items[at] ?? 0];
  }
  return items;
}

/** Knows roughly what is up, so that most steps can be done. */
class StepMaker {
  readonly #random: Random;
  readonly #count: number;
  readonly #owners: number;
  readonly #up = new Set<number>();
  #unstarted: number[];

  constructor(random: Random, count: number, owners: number) {
    this.#random = random;
    this.#count = count;
    this.#owners = owners;
    this.#unstarted = Array.from({ length: count }, (_, index) => index);
  }

  make(): TimedStep[] {
    const random = this.#random;
    const steps: TimedStep[] = [];
    const initial = 1 + random.below(this.#count);
    for (let index = 0; index < initial; index++)
      steps.push({ ...this.#join(), afterMs: random.below(3_000) });
    steps.push({ do: 'wait', afterMs: 15_000 });
    const length = STEPS_MIN + random.below(STEPS_MAX - STEPS_MIN);
    for (let index = 0; index < length; index++) steps.push({ ...this.#step(), afterMs: this.#gap() });
    return steps;
  }

  #step(): Step {
    const dice = this.#random.below(100);
    if (dice < 30) return this.#put();
    if (dice < 34) return { do: 'delete', ...this.#name() };
    if (dice < 48) return { do: 'get', ...this.#name(), consistency: this.#consistency() };
    if (dice < 51) return { do: 'list', node: this.#someone(), owner: this.#random.below(this.#owners) };
    if (dice < 63) return this.#join();
    if (dice < 82) return this.#leave();
    if (dice < 89) return this.#divide();
    if (dice < 94) return { do: 'heal' };
    if (dice < 97) return this.#setClock();
    if (this.#owners === 1) return { do: 'wait' };
    const [owner, operator] = [this.#random.below(this.#owners), this.#random.below(this.#owners)];
    return { do: 'sponsor', node: this.#someone(), owner, operator, isOn: this.#random.below(2) === 0 };
  }

  #gap(): number {
    const random = this.#random;
    const dice = random.below(100);
    if (dice < 45) return random.below(2 * SECOND_MS);
    if (dice < 75) return random.below(30 * SECOND_MS);
    if (dice < 90) return random.below(3 * MINUTE_MS);
    if (dice < 99 || random.below(10) > 0) return random.below(15 * MINUTE_MS);
    return random.pick([8 * DAY_MS, DAY_MS, DAY_MS / 8]);
  }

  #put(): Step {
    const random = this.#random;
    return {
      do: 'put',
      ...this.#name(),
      durability: random.below(4) === 0 ? 'one' : 'majority',
      condition: random.pick(['none', 'none', 'none', 'ifAbsent', 'ifVersion'] as const),
      ttlMs: random.below(6) === 0 ? 10_000 + random.below(20 * MINUTE_MS) : null,
    };
  }

  #join(): Step {
    const node = this.#random.below(3) === 0 ? this.#down() : (this.#unstarted.shift() ?? this.#down());
    this.#unstarted = this.#unstarted.filter((one) => one !== node);
    this.#up.add(node);
    return { do: 'start', node };
  }

  #leave(): Step {
    const random = this.#random;
    const node = this.#someone();
    this.#up.delete(node);
    const dice = random.below(10);
    if (dice < 3) return { do: 'stop', node };
    if (dice < 8) return { do: 'crash', node, isSilent: random.below(2) === 0 };
    return { do: 'lose', node, isForGood: random.below(2) === 0 };
  }

  #divide(): Step {
    const random = this.#random;
    const [node, other] = [random.below(this.#count), random.below(this.#count)];
    if (node !== other && random.below(3) === 0) return { do: 'cut', node, other };
    const nodes = Array.from({ length: this.#count }, (_, index) => index);
    return { do: 'split', nodes: nodes.filter(() => random.below(2) === 0) };
  }

  #setClock(): Step {
    const random = this.#random;
    const isBeyond = random.below(8) === 0;
    const ms = isBeyond ? 10 * MINUTE_MS : OFFSET_MAX_MS / 2;
    return { do: 'clock', node: random.below(this.#count), ms: random.below(2 * ms) - ms };
  }

  #name(): { node: number; owner: number; key: number } {
    const random = this.#random;
    return { node: this.#someone(), owner: random.below(this.#owners), key: random.below(KEYS) };
  }

  #consistency(): 'one' | 'majority' | 'default' {
    return this.#random.pick(['default', 'default', 'majority', 'one'] as const);
  }

  #someone(): number {
    return this.#up.size === 0 ? this.#random.below(this.#count) : this.#random.pick([...this.#up]);
  }

  #down(): number {
    const down = Array.from({ length: this.#count }, (_, index) => index).filter((one) => !this.#up.has(one));
    return down.length === 0 ? this.#random.below(this.#count) : this.#random.pick(down);
  }
}

/** One line a step: what a failure is told by. */
export function describe({ afterMs, ...step }: TimedStep): string {
  const { do: what, ...rest } = step;
  const words = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `+${(afterMs / SECOND_MS).toFixed(2)}s ${what} ${words.join(' ')}`;
}
