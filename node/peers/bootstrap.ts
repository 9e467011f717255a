import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddr } from '@multiformats/multiaddr';
import { sleep, type TimerClock } from '../../protocols/common/clock.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { type DialContext, type DialFault, explainDial, otherSwarmFault, selfFault } from './dial-fault.ts';
import type { BootstrapView } from './interface.ts';

export interface BootstrapPeersComponents {
  readonly network: Network;
  readonly clock: TimerClock;
  readonly logger: Logger;
  /** The swarm a peer said it belongs to, where that is another one. */
  readonly otherSwarmOf: (peer: string) => string | undefined;
}

export interface BootstrapPeersInit extends Omit<DialContext, 'peerId'> {
  readonly addresses: readonly string[];
  readonly swarm: string;
  /** How long a peer may take to answer. */
  readonly dialTimeoutMs: number;
}

/** A fault is told when it came twice: nodes that start together miss each other once. */
const TOLD_AFTER = 2;

interface State {
  readonly address: Multiaddr;
  /** Peer id at the end of the address; empty when the address has none. */
  readonly peer: string;
  fault: DialFault | null;
  /** Dials in a row that ended so. */
  times: number;
}

/** The bootstrap peers: dials those that are not connected, and knows of each address what came of it. */
export class BootstrapPeers {
  readonly #components: BootstrapPeersComponents;
  readonly #init: BootstrapPeersInit;
  readonly #states: readonly State[];
  /** Under way, by peer. */
  readonly #dials = new Map<string, Promise<void>>();

  constructor(components: BootstrapPeersComponents, init: BootstrapPeersInit) {
    this.#components = components;
    this.#init = init;
    this.#states = init.addresses.map((text) => {
      const address = multiaddr(text);
      return { address, peer: peerOf(address), fault: null, times: 0 };
    });
  }

  /**
   * Dials every bootstrap peer that is not connected: its addresses one after another, and all peers at once. Resolves when
   * that is over, or after the time of one dial: a peer with many addresses does not keep this node from the others.
   */
  async dialMissing(signal: AbortSignal): Promise<void> {
    const there = this.#connected();
    const self = this.#components.network.peerId.toString();
    for (const [peer, states] of Map.groupBy(this.#states, (state) => state.peer)) {
      if (peer === self) for (const state of states) this.#failed(state, selfFault());
      else if (!there.has(peer) && !this.#dials.has(peer)) {
        const dial = this.#dialPeer(states, signal).finally(() => this.#dials.delete(peer));
        this.#dials.set(peer, dial);
      }
    }
    const enough = new AbortController();
    const { clock } = this.#components;
    const timeout = sleep(clock, this.#init.dialTimeoutMs, enough.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#dials.values()), timeout]);
    enough.abort();
  }

  /** Each address, and why it does not lead to a peer. */
  views(): BootstrapView[] {
    const there = this.#connected();
    return this.#states.map(({ address, peer, fault }) => {
      const other = this.#components.otherSwarmOf(peer);
      const known = other === undefined ? fault : otherSwarmFault(other, this.#init.swarm);
      const isConnected = other === undefined && there.has(peer);
      return {
        address: address.toString(),
        state: isConnected ? 'connected' : known === null ? 'dialling' : 'failed',
        fault: isConnected ? null : known,
      };
    });
  }

  #connected(): ReadonlySet<string> {
    return new Set(this.#components.network.getPeers().map(String));
  }

  async #dialPeer(states: readonly State[], signal: AbortSignal): Promise<void> {
    const { network } = this.#components;
    for (const state of states) {
      if (signal.aborted) return;
      try {
        const timeout = AbortSignal.timeout(this.#init.dialTimeoutMs);
        await network.dial([state.address], { signal: AbortSignal.any([signal, timeout]) });
        for (const one of states) Object.assign(one, { fault: null, times: 0 });
        return;
      } catch (error) {
        if (signal.aborted) return;
        const peerId = network.peerId.toString();
        const fault = await explainDial(error, state.address, { ...this.#init, peerId, signal });
        if (!signal.aborted) this.#failed(state, fault);
      }
    }
  }

  #failed(state: State, fault: DialFault): void {
    state.times = state.fault?.code === fault.code ? state.times + 1 : 1;
    state.fault = fault;
    if (state.times !== TOLD_AFTER) return;
    const { code, reason, next } = fault;
    const address = state.address.toString();
    this.#components.logger.warn({ address, code }, `a bootstrap address leads nowhere: ${reason} (${next})`);
  }
}

function peerOf(address: Multiaddr): string {
  const last = address.getComponents().at(-1);
  return last?.name === 'p2p' ? (last.value ?? '') : '';
}
