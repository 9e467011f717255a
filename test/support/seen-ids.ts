import type { SeenIds } from '../../protocols/relay/index.ts';

/** Ids in memory, at most `max` of them. */
export class MemorySeenIds implements SeenIds {
  readonly ids = new Set<string>();
  readonly #max: number;

  constructor(max = Infinity) {
    this.#max = max;
  }

  has(digest: Uint8Array): boolean {
    return this.ids.has(Buffer.from(digest).toString('hex'));
  }

  add(digest: Uint8Array): boolean {
    if (this.ids.size >= this.#max) return false;
    this.ids.add(Buffer.from(digest).toString('hex'));
    return true;
  }
}
