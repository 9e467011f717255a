import type { Random } from '../storage/random.ts';
import type { Owner } from './owner.ts';

export const ACTIONS = ['kill', 'kill of each owner', 'restart', 'rejoin', 'join', 'loss'] as const;
export type Action = (typeof ACTIONS)[number];

/** How often each is drawn, of those that can be done. */
const WEIGHTS: Readonly<Record<Action, number>> = {
  kill: 4,
  'kill of each owner': 1,
  restart: 3,
  rejoin: 5,
  join: 3,
  loss: 2,
};
/** Nodes of one owner at most: one more than there are replicas, so that a share moves. */
const SPONSORS_MAX = 4;

/** Draws what happens next: of each value a live sponsor of its owner always holds a copy. */
export class Schedule {
  readonly #owners: readonly Owner[];
  readonly #random: Random;
  /** Addresses of live nodes of both owners. */
  readonly #bootstrap: () => readonly string[];

  constructor(owners: readonly Owner[], random: Random, bootstrap: () => readonly string[]) {
    this.#owners = owners;
    this.#random = random;
    this.#bootstrap = bootstrap;
  }

  draw(): Action {
    const bag = ACTIONS.filter((action) => this.#can(action)).flatMap((action) =>
      Array.from({ length: WEIGHTS[action] }, () => action),
    );
    return this.#random.pick(bag);
  }

  /** Does it, and says what was done; null where it cannot be done now. */
  async do(action: Action): Promise<string | null> {
    if (!this.#can(action)) return null;
    const random = this.#random;
    if (action === 'rejoin') {
      const sponsor = random.pick(this.#owners.flatMap(({ down }) => down));
      await sponsor.start();
      return `${sponsor.name} rejoined`;
    }
    if (action === 'join') {
      const owner = random.pick(this.#owners.filter(({ sponsors }) => sponsors.length < SPONSORS_MAX));
      const by = random.pick(['invite', 'home'] as const);
      const { name, holdsKey } = await owner.add(by, this.#bootstrap());
      return `${name} joined ${holdsKey ? 'with the key of its owner' : 'by invite'}`;
    }
    if (action === 'kill of each owner') {
      const victims = this.#owners.map((owner) => random.pick(owner.dispensable));
      await Promise.all(victims.map((victim) => victim.kill()));
      return `${victims.map(({ name }) => name).join(' and ')} killed`;
    }
    const owner = random.pick(this.#owners.filter((one) => one.dispensable.length > 0));
    const victim = random.pick(owner.dispensable);
    if (action === 'loss') {
      await owner.lose(victim);
      return `${victim.name} gone for good`;
    }
    await victim.kill();
    if (action === 'restart') await victim.start();
    return `${victim.name} ${action === 'restart' ? 'killed and restarted' : 'killed'}`;
  }

  #can(action: Action): boolean {
    const owners = this.#owners;
    if (action === 'rejoin') return owners.some(({ down }) => down.length > 0);
    if (action === 'join') return owners.some(({ sponsors }) => sponsors.length < SPONSORS_MAX);
    if (action === 'kill of each owner') return owners.every((owner) => owner.dispensable.length > 0);
    return owners.some((owner) => owner.dispensable.length > 0);
  }
}
