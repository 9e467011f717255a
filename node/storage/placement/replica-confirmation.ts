import { equalBytes } from '../../../protocols/common/bytes.ts';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { RecordBody, SignedRecord } from '../../../protocols/storage/index.ts';
import { ATTEMPT_TIMEOUT_MS } from '../api/limits.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';

/** Whether the author of a record could sign it now. */
export type IsAuthorisedNow = (record: RecordBody) => Promise<boolean>;

/**
 * Replicas that must hold a record whose author could not sign it now: one alone may have conspired with a key that was revoked since,
 * and dated it back.
 */
export const CONFIRMATIONS_MIN = 2;

export interface ReplicaConfirmationComponents {
  readonly clock: TimerClock;
  readonly isAuthorisedNow: IsAuthorisedNow;
  readonly ask: RequestPeer;
}

/** Finds out whether an old record was taken by the replicas when it was new. */
export class ReplicaConfirmation {
  readonly #components: ReplicaConfirmationComponents;
  readonly #self: string;

  constructor(components: ReplicaConfirmationComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
  }

  /**
   * Whether a record is to be taken from `source`: its author could sign it now, or enough of the replicas, this node left out, have it. Where
   * there are too few others, all of them.
   */
  async vouch(source: string, replicaSet: readonly string[], record: SignedRecord): Promise<boolean> {
    if (await this.#components.isAuthorisedNow(record)) return true;
    const others = replicaSet.filter((id) => id !== this.#self);
    const needed = Math.min(CONFIRMATIONS_MIN, others.length);
    const spoken = others.includes(source) ? 1 : 0;
    if (spoken >= needed) return true;
    const asked = others.filter((id) => id !== source);
    return spoken + (await this.#count(asked, record)) >= needed;
  }

  async #count(ids: readonly string[], record: SignedRecord): Promise<number> {
    const { owner, namespace, key } = record;
    const request = { type: 'get', owner, namespace, key } as const;
    const signal = this.#components.clock.timeoutSignal(ATTEMPT_TIMEOUT_MS);
    const answers = await Promise.all(
      ids.map((id) => this.#components.ask<'get'>(id, request, signal).catch(() => null)),
    );
    return answers.filter((answer) => {
      const held = answer?.held ?? null;
      return held?.kind === 'record' && equalBytes(held.record, record.bytes);
    }).length;
  }
}
