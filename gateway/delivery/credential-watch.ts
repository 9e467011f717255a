import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../node/index.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { CredentialStatus, CredentialStatuses } from '../auth/credential-status.ts';
import type { Authenticator } from '../auth/identity.ts';
import type { Clients, StreamClient } from './clients.ts';

export interface CredentialWatchComponents {
  readonly clients: Clients;
  readonly standings: CredentialStatuses;
  /** Says when something ended at this gateway: nobody waits for the next round then. */
  readonly authenticator: Pick<Authenticator, 'onForgotten'>;
  readonly logger: Logger;
}

/** Origins looked at in one turn of the event loop: some milliseconds. */
const ORIGINS_A_TURN = 100;

/**
 * Ends the streams whose session or API key has ended, wherever that was done, or whose wallet withdrew on the mesh
 * what it had delegated: one periodic query covers all of them. While the state does not answer, they stay open.
 */
export class CredentialWatch {
  readonly #components: CredentialWatchComponents;
  readonly #intervalMs: number;
  #underWay: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #running: { readonly abort: AbortController; readonly over: Promise<void> } | undefined;

  constructor(components: CredentialWatchComponents, init: { readonly intervalMs: number }) {
    this.#components = components;
    this.#intervalMs = init.intervalMs;
  }

  start(): void {
    if (this.#running !== undefined) return;
    const abort = new AbortController();
    this.#running = { abort, over: this.#watch(abort.signal) };
    this.#components.authenticator.onForgotten(() => void this.#look(abort.signal));
  }

  async stop(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.over;
    await (this.#following ?? this.#underWay);
    this.#running = undefined;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await wait(this.#intervalMs, undefined, { signal }).catch(() => undefined);
      await this.#look(signal);
    }
  }

  /** One look at a time, and after it one more for all who asked meanwhile: it may not have seen what ended then. */
  #look(signal: AbortSignal): Promise<void> {
    if (this.#underWay === undefined) {
      this.#underWay = this.#lookOnce(signal).finally(() => {
        this.#underWay = undefined;
      });
      return this.#underWay;
    }
    this.#following ??= this.#underWay.then(() => {
      this.#following = undefined;
      return this.#look(signal);
    });
    return this.#following;
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await this.#endThoseOver(signal);
    } catch (error) {
      // what is amiss with the state is said where it is asked for, and by /readyz
      if (error instanceof CodedError && error.code === 'state_unavailable') return;
      this.#components.logger.error(
        { err: errorMessage(error) },
        'whether streams may go on could not be found out',
      );
    }
  }

  async #endThoseOver(signal: AbortSignal): Promise<void> {
    const { clients, standings } = this.#components;
    const byOrigin = new Map<
      string,
      { readonly standing: CredentialStatus; readonly streams: StreamClient[] }
    >();
    for (const client of clients) {
      const { standing } = client;
      if (standing === null) continue;
      if (standings.isOver(standing)) {
        client.endCredential();
        continue;
      }
      const same = byOrigin.get(standing.origin);
      if (same === undefined) byOrigin.set(standing.origin, { standing, streams: [client] });
      else same.streams.push(client);
    }
    if (byOrigin.size === 0) return;
    const ended = await standings.ended(byOrigin.keys());
    let looked = 0;
    for (const [origin, { standing, streams }] of byOrigin) {
      // a chain that is known is checked at once: requests come in between
      if (++looked % ORIGINS_A_TURN === 0) await nextTurn();
      const isOver = ended.has(origin) || (await standings.isWithdrawn(standing));
      if (signal.aborted) return;
      if (isOver) for (const client of streams) client.endCredential();
    }
  }
}
