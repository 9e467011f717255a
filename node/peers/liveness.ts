import type { Connection } from '@libp2p/interface';
import { sleep, type TimerClock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';

export interface LivenessInit {
  /** Every connection is pinged once in this time. */
  readonly periodMs: number;
  /** Between two pings at most, so that a lone connection is asked soon. */
  readonly pauseMaxMs: number;
  /** A peer busy for some seconds is not gone: its connection is worth more than a quick verdict. */
  readonly timeoutMs: number;
}

export const LIVENESS: LivenessInit = { periodMs: 60_000, pauseMaxMs: 10_000, timeoutMs: 15_000 };

/**
 * Finds connections whose other end is gone without a word, and drops them. One ping after another, spread over
 * a minute: libp2p's own monitor asks all at once, and the burst of streams stalls a node for half a second.
 */
export class Liveness {
  readonly #clock: TimerClock;
  readonly #network: Network;
  readonly #log: Logger;
  readonly #init: LivenessInit;
  #abort = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(components: { clock: TimerClock; network: Network; logger: Logger }, init: LivenessInit) {
    this.#clock = components.clock;
    this.#network = components.network;
    this.#log = components.logger;
    this.#init = init;
  }

  start(): void {
    if (this.#loop !== null) return;
    this.#abort = new AbortController();
    this.#loop = this.#run(this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
    this.#loop = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let round: Connection[] = [];
    while (!signal.aborted) {
      if (round.length === 0) round = this.#network.getConnections();
      const { periodMs, pauseMaxMs } = this.#init;
      const connections = Math.max(1, this.#network.getConnections().length);
      // broken off when it stops
      await sleep(this.#clock, Math.min(pauseMaxMs, periodMs / connections), signal).catch(() => undefined);
      const connection = round.pop();
      if (connection?.status === 'open' && !signal.aborted) await this.#check(connection, signal);
    }
  }

  async #check(connection: Connection, signal: AbortSignal): Promise<void> {
    try {
      const limit = AbortSignal.any([signal, this.#clock.timeoutSignal(this.#init.timeoutMs)]);
      await this.#network.services.ping.ping(connection.remotePeer, { signal: limit });
    } catch (error) {
      // a peer that does not speak ping has answered
      if (signal.aborted || (error as Error).name === 'UnsupportedProtocolError') return;
      const peer = connection.remotePeer.toString();
      this.#log.info({ peer, reason: errorMessage(error) }, 'dropping a connection that does not answer');
      connection.abort(new Error('no answer to a ping'));
    }
  }
}
