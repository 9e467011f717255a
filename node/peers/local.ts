import type { PeerInfo } from '@libp2p/interface';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';

export interface LocalPeersInit {
  /** Peers to be connected with: with so many no further one is dialled. */
  readonly target: number;
  /** How long a peer may take to answer. */
  readonly dialTimeoutMs: number;
}

/** Dials at a time: anybody on the local network may say there are peers. */
const DIALS_MAX = 4;

/** Dials the peers that libp2p discovers on the local network, which libp2p itself does not dial. */
export class LocalPeers {
  readonly #network: Network;
  readonly #log: Logger;
  readonly #init: LocalPeersInit;
  #abort = new AbortController();
  #dials = 0;
  readonly #onDiscovery = ({ detail }: CustomEvent<PeerInfo>): void => void this.#meet(detail);

  constructor(components: { network: Network; logger: Logger }, init: LocalPeersInit) {
    this.#network = components.network;
    this.#log = components.logger;
    this.#init = init;
  }

  start(): void {
    this.#abort = new AbortController();
    this.#network.addEventListener('peer:discovery', this.#onDiscovery);
  }

  stop(): void {
    this.#network.removeEventListener('peer:discovery', this.#onDiscovery);
    this.#abort.abort();
  }

  async #meet({ id }: PeerInfo): Promise<void> {
    const isWanted = this.#network.getPeers().length < this.#init.target;
    if (!isWanted || this.#dials >= DIALS_MAX || this.#network.getConnections(id).length > 0) return;
    this.#dials += 1;
    try {
      const timeout = AbortSignal.timeout(this.#init.dialTimeoutMs);
      await this.#network.dial(id, { signal: AbortSignal.any([this.#abort.signal, timeout]) });
    } catch (error) {
      this.#log.debug({ peer: id.toString(), reason: errorMessage(error) }, 'a local peer did not answer');
    } finally {
      this.#dials -= 1;
    }
  }
}
