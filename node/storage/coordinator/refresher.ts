import { peerIdFromString } from '@libp2p/peer-id';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Directory } from '../../directory/directory.ts';

/** A peer that sees other replicas is asked for what it knows this often at most. */
const REFRESH_MS = 2_000;
const REFRESHED_MAX = 1024;

/** Refreshes the directory from a peer that sees another replica set: one of the two knows more members. */
export class Refresher {
  readonly #clock: Clock;
  readonly #directory: Pick<Directory, 'refresh'>;
  readonly #refreshed = new Map<string, number>();

  constructor(components: { readonly clock: Clock; readonly directory: Pick<Directory, 'refresh'> }) {
    this.#clock = components.clock;
    this.#directory = components.directory;
  }

  refresh(id: string): void {
    const now = this.#clock.now();
    if (now - (this.#refreshed.get(id) ?? -Infinity) < REFRESH_MS) return;
    if (this.#refreshed.size >= REFRESHED_MAX) this.#refreshed.clear();
    this.#refreshed.set(id, now);
    this.#directory.refresh(peerIdFromString(id));
  }
}
