import type { Cleanup } from '../../support/processes.ts';
import type { Random } from '../storage/random.ts';
import type { Site } from '../storage/site.ts';
import { Promised } from './promised.ts';
import { Sponsor } from './sponsor.ts';

/** Requests of one kind at a time. */
const REQUESTS_AT_ONCE = 8;
const VALUE_BYTES = 200;

export interface OwnerInit {
  readonly name: string;
  /** Beside those of joining. */
  readonly flags: readonly string[];
  readonly replicas: number;
  readonly random: Random;
}

/** One owner with its machines, and what they promised. */
export class Owner {
  readonly name: string;
  readonly promised = new Promised();
  readonly sponsors: Sponsor[] = [];
  /** DID. */
  did = '';
  readonly #t: Cleanup;
  readonly #init: OwnerInit;
  /** By key, the peer ids of the sponsors that had it at the latest look. */
  readonly #held = new Map<string, readonly string[]>();
  /** HOME of the first machine, where the key is. */
  #home: string | undefined;
  #made = 0;
  #written = 0;

  constructor(t: Cleanup, init: OwnerInit) {
    this.#t = t;
    this.#init = init;
    this.name = init.name;
  }

  get live(): readonly Sponsor[] {
    return this.sponsors.filter(({ isUp }) => isUp);
  }

  get down(): readonly Sponsor[] {
    return this.sponsors.filter(({ isUp }) => !isUp);
  }

  /** The first machine, with a key that nobody else has. */
  async found(bootstrap: readonly string[]): Promise<void> {
    const first = this.#make(bootstrap);
    await first.start();
    this.did = await first.openReading();
  }

  /** One more machine: with an invite, or with the HOME of the first. */
  async add(by: 'invite' | 'home', bootstrap: readonly string[]): Promise<Sponsor> {
    const issuer = this.live.find(({ holdsKey }) => holdsKey);
    if (by === 'invite' && issuer !== undefined) {
      const invite = await issuer.invite();
      const joined = this.#make([]);
      await joined.start(invite);
      return joined;
    }
    const added = this.#make(bootstrap, this.#home);
    await added.start();
    return added;
  }

  /** The machine is gone for good. */
  async lose(sponsor: Sponsor): Promise<void> {
    this.sponsors.splice(this.sponsors.indexOf(sponsor), 1);
    await sponsor.lose();
  }

  /** Tries to store so many values. Returns how many were acknowledged. */
  async write(count: number): Promise<number> {
    const { random } = this.#init;
    let acknowledged = 0;
    await atOnce(Array.from({ length: count }), async () => {
      const number = this.#written++;
      const key = `${this.name}/${number}`;
      const text = `value ${number} of ${this.name} `.padEnd(VALUE_BYTES, '.');
      const outcome = await random.pick(this.live).site('').put(key, text);
      if (this.promised.written(key, text, outcome)) acknowledged += 1;
    });
    return acknowledged;
  }

  /** Copies that there are to be now. */
  get wanted(): number {
    return Math.min(this.#init.replicas, this.live.length);
  }

  /** Looks at the copies of `keys`, and removes those from it that have as many as there are to be. */
  async lookAtCopies(keys: Set<string>): Promise<void> {
    const { random } = this.#init;
    const ids = new Set(this.live.map(({ peerId }) => peerId));
    const { wanted } = this;
    await atOnce([...keys], async (key) => {
      const holders = await random.pick(this.live).site('').where(key);
      const copies = this.promised.copies(key, holders, ids);
      this.#held.set(key, copies);
      if (copies.length >= wanted) keys.delete(key);
    });
  }

  /** Those beside which other live ones hold everything, as of the latest look: each may be gone, one at a time. */
  get dispensable(): readonly Sponsor[] {
    const live = new Set(this.live.map(({ peerId }) => peerId));
    return this.live.filter(({ peerId }) => {
      return [...this.promised.values.keys()].every((key) =>
        this.#held.get(key)?.some((id) => id !== peerId && live.has(id)),
      );
    });
  }

  /** Reads `keys` at `site`, and removes those from it that gave an answer. */
  async read(keys: Set<string>, site: () => Site): Promise<void> {
    await atOnce([...keys], async (key) => {
      const at = site();
      if (this.promised.read(key, await at.get(key, 'default'), at.name)) keys.delete(key);
    });
  }

  /** Whether the list could be had. */
  async list(site: Site): Promise<boolean> {
    const keys = [...this.promised.values.keys()];
    return this.promised.listed(keys, await site.list(''), site.name);
  }

  #make(bootstrap: readonly string[], home?: string): Sponsor {
    const flags = [...this.#init.flags, ...bootstrap.flatMap((address) => ['--bootstrap', address])];
    const name = `${this.name}-${this.#made++}`;
    const sponsor = new Sponsor(this.#t, { name, flags, ...(home === undefined ? {} : { home }) });
    this.#home ??= sponsor.machine.home;
    this.sponsors.push(sponsor);
    return sponsor;
  }
}

/** Does `work` for all, some at a time. */
export async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: REQUESTS_AT_ONCE }, async () => {
      for (const item of left) await work(item);
    }),
  );
}
