import { setImmediate as nextTurn } from 'node:timers/promises';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import type { LocalBlobs } from '../blobs/local-blobs.ts';
import type { Logger } from '../observability/logger.ts';
import type { PublicBlocks } from '../storage/blobs/public-blocks.ts';
import {
  ANNOUNCE_AGAIN_MS,
  ANNOUNCE_PAGE,
  ANNOUNCE_RENEWAL_MS,
  ANNOUNCE_TICK_MS,
  ANNOUNCE_TIMEOUT_MS,
  ANNOUNCED_MAX,
  ANNOUNCES_AT_ONCE,
  LOOKUPS_PER_TURN,
} from './limits.ts';
import type { IpfsMetrics } from './metrics.ts';

export interface ProviderAnnouncerComponents {
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly metrics: IpfsMetrics;
  readonly blobs: Pick<LocalBlobs, 'opened'>;
  readonly blocks: Pick<PublicBlocks, 'has'>;
  /** Whether anybody looks announcements up: where all are asked, nobody does. */
  readonly isNeeded: () => boolean;
  /** Tells the nodes that are close to it that this one has it. Rejects where none took it. */
  readonly announce: (cid: Uint8Array, signal: AbortSignal) => Promise<void>;
}

interface Announced {
  readonly cid: Uint8Array;
  renewAt: number;
}

/**
 * Announces the public blobs of this node, and renews that; what is not public any more is not renewed. References are gone through in the order in
 * which they came, a page at a time; all of them again after a policy changed, and now and then.
 */
export class ProviderAnnouncer {
  readonly #components: ProviderAnnouncerComponents;
  /** Ordered by due time, earliest first. */
  readonly #announced = new Map<string, Announced>();
  readonly #announcing: RepeatingTask;
  #position = 0;
  /** References up to here are gone through again. */
  #again: { position: number; readonly end: number } | null = null;
  #againAt = 0;
  /** Nobody took these yet. */
  #failed: Uint8Array[] = [];

  constructor(components: ProviderAnnouncerComponents) {
    this.#components = components;
    const { clock, logger } = components;
    this.#announcing = new RepeatingTask(
      {
        clock,
        run: () => this.#look(),
        onError: (error) =>
          logger.warn({ reason: errorMessage(error) }, 'public blobs could not be announced'),
      },
      { intervalMs: ANNOUNCE_TICK_MS },
    );
  }

  get size(): number {
    return this.#announced.size;
  }

  start(): void {
    this.#announcing.start();
  }

  stop(): Promise<void> {
    return this.#announcing.stop();
  }

  /** Policies changed: what was not public may be now. */
  lookAgain(): void {
    this.#again = { position: 0, end: this.#position };
  }

  async #look(): Promise<void> {
    if (!this.#components.isNeeded()) return;
    await this.#renew();
    const { clock } = this.#components;
    const blobs = this.#components.blobs.opened;
    if (blobs === null) return;
    const now = clock.now();
    // the record comes to be after the reference
    const before = now - ANNOUNCE_TICK_MS;
    const fresh = blobs.roots({ after: this.#position, before, limit: ANNOUNCE_PAGE });
    await this.#announceAll(fresh.map(({ cid }) => cid));
    this.#position = fresh.at(-1)?.position ?? this.#position;
    if (now >= this.#againAt) {
      this.#againAt = now + ANNOUNCE_AGAIN_MS;
      this.lookAgain();
    }
    if (this.#again === null) return;
    const known = blobs.roots({ after: this.#again.position, before, limit: ANNOUNCE_PAGE });
    await this.#announceAll(known.map(({ cid }) => cid));
    const last = known.at(-1)?.position;
    if (last === undefined || last >= this.#again.end) this.#again = null;
    else this.#again.position = last;
  }

  async #renew(): Promise<void> {
    const due = this.#failed.splice(0, ANNOUNCE_PAGE);
    const now = this.#components.clock.now();
    for (const [key, { cid, renewAt }] of this.#announced) {
      if (renewAt > now || due.length >= ANNOUNCE_PAGE) break;
      this.#announced.delete(key);
      due.push(cid);
    }
    await this.#announceAll(due);
  }

  /** Those that are public and not announced. */
  async #announceAll(cids: readonly Uint8Array[]): Promise<void> {
    const { blocks } = this.#components;
    const wanted: Uint8Array[] = [];
    for (const [index, cid] of cids.entries()) {
      if (index % LOOKUPS_PER_TURN === LOOKUPS_PER_TURN - 1) await nextTurn();
      if (!this.#announced.has(bytesKey(cid)) && blocks.has(cid)) wanted.push(cid);
    }
    const next = wanted[Symbol.iterator]();
    const announceOn = async (): Promise<void> => {
      for (const cid of next) await this.#announce(cid);
    };
    await Promise.all(Array.from({ length: ANNOUNCES_AT_ONCE }, announceOn));
  }

  async #announce(cid: Uint8Array): Promise<void> {
    const { clock, announce, metrics } = this.#components;
    const key = bytesKey(cid);
    const stopping = this.#announcing.signal;
    if (stopping.aborted || this.#announced.size >= ANNOUNCED_MAX || this.#announced.has(key)) return;
    const entry: Announced = { cid, renewAt: clock.now() + ANNOUNCE_RENEWAL_MS };
    this.#announced.set(key, entry);
    try {
      await announce(cid, AbortSignal.any([stopping, clock.timeoutSignal(ANNOUNCE_TIMEOUT_MS)]));
      metrics.announces += 1;
    } catch {
      metrics.announceFailures += 1;
      this.#announced.delete(key);
      if (this.#failed.length < ANNOUNCED_MAX) this.#failed.push(cid);
    }
  }
}
