import type { RandomWalk } from '@libp2p/interface-internal';

/** A walk that finds nobody: it lasts until it is given up. */
const NO_WALK: RandomWalk = {
  // oxlint-disable-next-line require-yield
  async *walk(options) {
    await new Promise((resolve) => options?.signal?.addEventListener('abort', resolve, { once: true }));
  },
};

/**
 * A service that does not walk the DHT by itself. libp2p's walk loops without a pause over a table that is empty, and
 * the node hangs; the peer keeper walks here, and services hear of every peer it finds.
 */
export function withoutWalks<C extends object, S>(make: (components: C) => S): (components: C) => S {
  return (components) => make(Object.create(components, { randomWalk: { value: NO_WALK } }) as C);
}
