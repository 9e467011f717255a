import type { Connection, IdentifyResult } from '@libp2p/interface';
import type { Timer, TimerClock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { swarmOf } from '../network/agent.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';

export interface OtherSwarmsComponents {
  readonly network: Network;
  readonly clock: TimerClock;
  readonly logger: Logger;
  /** Called with a peer of another swarm. */
  readonly forget: (peer: string) => void;
}

/** Peers remembered: each bootstrap peer of a wrong configuration, and some that came by themselves. */
const REMEMBERED_MAX = 256;
/** The one that dialled hangs up first: before that it must have heard why. */
const INBOUND_WAIT_MS = 5_000;

/**
 * Disconnects peers that say they belong to another swarm. They share its protocols and would sit in this one's meshes,
 * where nothing that either of them signs counts. A peer that lies about it only keeps itself out.
 */
export class OtherSwarms {
  readonly #components: OtherSwarmsComponents;
  readonly #swarm: string;
  /** Their swarms by peer id, the latest last. */
  readonly #found = new Map<string, string>();
  readonly #timers = new Set<Timer>();
  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => this.#look(detail);

  constructor(components: OtherSwarmsComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
  }

  start(): void {
    this.#components.network.addEventListener('peer:identify', this.#onIdentify);
  }

  stop(): void {
    this.#components.network.removeEventListener('peer:identify', this.#onIdentify);
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** The swarm that a peer said it belongs to, where that is another one. */
  of(peer: string): string | undefined {
    return this.#found.get(peer);
  }

  #look({ peerId, agentVersion, connection }: IdentifyResult): void {
    const peer = peerId.toString();
    const swarm = swarmOf(agentVersion);
    const isNew = this.#found.get(peer) !== swarm;
    this.#found.delete(peer);
    if (swarm === null || swarm === this.#swarm) return;
    this.#found.set(peer, swarm);
    const [oldest] = this.#found.keys();
    if (this.#found.size > REMEMBERED_MAX && oldest !== undefined) this.#found.delete(oldest);
    const { logger, forget } = this.#components;
    if (isNew) logger.info({ peer, swarm }, 'a peer of another swarm is hung up on');
    forget(peer);
    if (connection.direction === 'outbound') return void this.#close(connection);
    const timer = this.#components.clock.setTimeout(() => {
      this.#timers.delete(timer);
      void this.#close(connection);
    }, INBOUND_WAIT_MS);
    this.#timers.add(timer);
  }

  async #close(connection: Connection): Promise<void> {
    try {
      await connection.close();
    } catch (error) {
      this.#components.logger.debug({ reason: errorMessage(error) }, 'hanging up failed');
      connection.abort(new Error('a peer of another swarm'));
    }
  }
}
