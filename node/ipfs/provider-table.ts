import type { Clock } from '../../protocols/common/clock.ts';
import type { ProviderRecords } from '../network/provider-records.ts';
import { PROVIDER_LIFE_MS, PROVIDERS_MAX, PROVIDERS_PER_CID, PROVIDERS_PER_PEER } from './limits.ts';

export interface ProviderBounds {
  readonly max: number;
  readonly perPeer: number;
  readonly perDigest: number;
}

const BOUNDS: ProviderBounds = {
  max: PROVIDERS_MAX,
  perPeer: PROVIDERS_PER_PEER,
  perDigest: PROVIDERS_PER_CID,
};

/** Entries at the front that are checked when no capacity is left. */
const LOOKS_MAX = 16;

/**
 * Which nodes said that they have what, in memory. Only members are believed: nobody else would be asked. Bounded in all, for each peer and each digest:
 * whoever is over its share displaces nobody else's.
 */
export class ProviderTable implements ProviderRecords {
  /** Not kept since there was no room, or the peer is no member. */
  refused = 0;
  readonly #clock: Clock;
  readonly #isMember: (peer: string) => boolean;
  readonly #bounds: ProviderBounds;
  /** Until when each peer's word counts, by digest; the one that was renewed longest ago comes first. */
  readonly #byDigest = new Map<string, Map<string, number>>();
  readonly #counts = new Map<string, number>();
  #size = 0;

  constructor(
    components: { readonly clock: Clock; readonly isMember: (peer: string) => boolean },
    bounds: ProviderBounds = BOUNDS,
  ) {
    this.#clock = components.clock;
    this.#isMember = components.isMember;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#size;
  }

  /** False where there is no room for it. */
  add(digest: string, peer: string): boolean {
    const providers = this.#byDigest.get(digest) ?? new Map<string, number>();
    const isKnown = providers.has(peer);
    if (!this.#isMember(peer) || (!isKnown && !this.#hasRoom(digest, peer, providers))) {
      this.refused += 1;
      return false;
    }
    providers.set(peer, this.#clock.now() + PROVIDER_LIFE_MS);
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, providers);
    if (isKnown) return true;
    this.#size += 1;
    this.#counts.set(peer, (this.#counts.get(peer) ?? 0) + 1);
    return true;
  }

  of(digest: string): string[] {
    this.#dropEnded(digest);
    return [...(this.#byDigest.get(digest)?.keys() ?? [])];
  }

  remove(digest: string, peer: string): void {
    const providers = this.#byDigest.get(digest);
    if (providers?.delete(peer) !== true) return;
    if (providers.size === 0) this.#byDigest.delete(digest);
    this.#size -= 1;
    const count = (this.#counts.get(peer) ?? 1) - 1;
    if (count === 0) this.#counts.delete(peer);
    else this.#counts.set(peer, count);
  }

  #hasRoom(digest: string, peer: string, providers: ReadonlyMap<string, number>): boolean {
    const { max, perPeer, perDigest } = this.#bounds;
    if (providers.size >= perDigest) this.#dropEnded(digest);
    const isOver = (): boolean => this.#size >= max || (this.#counts.get(peer) ?? 0) >= perPeer;
    // what ended long ago is in front: a few looks at a time find it all
    if (isOver()) this.#dropOldest();
    return providers.size < perDigest && !isOver();
  }

  #dropOldest(): void {
    let looks = LOOKS_MAX;
    for (const digest of this.#byDigest.keys()) {
      if (looks === 0) return;
      looks -= 1;
      this.#dropEnded(digest);
    }
  }

  #dropEnded(digest: string): void {
    const now = this.#clock.now();
    for (const [peer, until] of this.#byDigest.get(digest) ?? []) {
      if (until <= now) this.remove(digest, peer);
    }
  }
}
