export interface WaitingRoomInit {
  /** How many may be in it. */
  readonly max: number;
  /** How many of one peer among them, so that one peer cannot fill it. */
  readonly maxPerPeer: number;
}

/** Counts what is under way for peers, and refuses what is too much. */
export class WaitingRoom {
  readonly #init: WaitingRoomInit;
  readonly #byPeer = new Map<string, number>();
  #size = 0;

  constructor(init: WaitingRoomInit) {
    this.#init = init;
  }

  get size(): number {
    return this.#size;
  }

  /** Lets one of `peer` in; false when there is no room. Whoever is let in calls `leave`. */
  enter(peer: string): boolean {
    const ofPeer = this.#byPeer.get(peer) ?? 0;
    if (this.#size >= this.#init.max || ofPeer >= this.#init.maxPerPeer) return false;
    this.#size += 1;
    this.#byPeer.set(peer, ofPeer + 1);
    return true;
  }

  leave(peer: string): void {
    this.#size -= 1;
    const ofPeer = (this.#byPeer.get(peer) ?? 1) - 1;
    if (ofPeer === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, ofPeer);
  }
}
