import type { IdentifyResult, Libp2p, Startable } from '@libp2p/interface';
import type { AddressManager, TransportManager } from '@libp2p/interface-internal';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { Circuit, TCP } from '@multiformats/multiaddr-matcher';
import type { Config } from '../config/schema.ts';
import { hostOf, isPublicHost } from './hosts.ts';

export interface ReachComponents {
  readonly addressManager: AddressManager;
  readonly transportManager: TransportManager;
  readonly events: Pick<Libp2p, 'addEventListener' | 'removeEventListener'>;
}

export interface ReachInit {
  readonly circuitUse: Config['circuit.use'];
  /** Called when something could not be done that is worth knowing. */
  readonly onFault: (error: unknown) => void;
}

/** Outside addresses that are remembered: a node has one or two, and peers may claim any. */
const OBSERVED_MAX = 16;
/** Peers that are counted for one of them. */
const REPORTERS_MAX = 32;
/** Addresses that are told to whoever punches a hole: the best of the above. */
const PUNCH_MAX = 3;
/** Targets remembered as dialled from the swarm port. */
const DIALLED_MAX = 512;

/**
 * Knows how others reach this node: at its own public addresses, at an outside address of a NAT that peers see it
 * at, or not at all; then it listens through relays. libp2p leaves three things open here: it announces a public
 * address of this very machine only after four networks confirmed it, which a small swarm never can; it drops what
 * peers observe of TCP connections; and it searches relays always or never.
 */
export class Reach implements Startable {
  readonly #components: ReachComponents;
  readonly #init: ReachInit;
  /** Outside address → peers that saw this node there; the latest seen last. */
  readonly #observed = new Map<string, Set<string>>();
  readonly #dialledFromSwarmPort = new Set<string>();
  #isListeningThroughRelays = false;
  readonly #onListening = (): void => this.#confirmOwn();
  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => this.#observe(detail);

  constructor(components: ReachComponents, init: ReachInit) {
    this.#components = components;
    this.#init = init;
  }

  start(): void {
    this.#components.events.addEventListener('peer:identify', this.#onIdentify);
    this.#components.events.addEventListener('transport:listening', this.#onListening);
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:identify', this.#onIdentify);
    this.#components.events.removeEventListener('transport:listening', this.#onListening);
    this.#observed.clear();
    this.#isListeningThroughRelays = false;
  }

  /** Whether a public address of this node is known to lead here. */
  get isPublic(): boolean {
    return this.ownAddresses().some(isPublicAddress);
  }

  /**
   * The port dials should leave from: the TCP listener's, when this node is behind a NAT and the target is not.
   * Two nodes that dial each other so by chance would meet half-way, each believing to be the caller; behind NATs
   * they meet only on purpose.
   */
  localPort(target: Multiaddr): number | null {
    const host = hostOf(target);
    if (host?.kind !== 'ip' || !isPublicHost(host.value) || this.isPublic) return null;
    const own = this.#components.transportManager.getAddrs().find((address) => TCP.exactMatch(address));
    const port = own?.getComponents().find(({ name }) => name === 'tcp')?.value;
    return port === undefined ? null : Number(port);
  }

  dialledFromSwarmPort(target: Multiaddr): void {
    const key = withoutPeer(target);
    this.#dialledFromSwarmPort.delete(key);
    this.#dialledFromSwarmPort.add(key);
    const [oldest] = this.#dialledFromSwarmPort;
    if (this.#dialledFromSwarmPort.size > DIALLED_MAX && oldest !== undefined)
      this.#dialledFromSwarmPort.delete(oldest);
  }

  /** Where a peer may try to meet this node while it dials the same: own public addresses, then observed ones. */
  punchAddresses(): Multiaddr[] {
    const own = this.ownAddresses().filter(isPublicAddress);
    const observed = [...this.#observed]
      .toReversed()
      .sort(([, a], [, b]) => b.size - a.size)
      .slice(0, PUNCH_MAX)
      .map(([address]) => multiaddr(address));
    return [...own, ...observed];
  }

  /**
   * Where others may dial this node, its peer id at the end of each. Asks the machine anew: a network may come up after
   * the node has started, or be exchanged for another.
   */
  ownAddresses(): Multiaddr[] {
    this.#confirmOwn();
    return this.#components.addressManager.getAddresses();
  }

  /** Public addresses of this very machine are announced, until AutoNAT finds that a firewall keeps others out. */
  #confirmOwn(): void {
    for (const {
      multiaddr: address,
      ...known
    } of this.#components.addressManager.getAddressesWithMetadata()) {
      const host = hostOf(address);
      const isUnjudged = known.type === 'transport' && !known.verified && known.expires === 0;
      if (!isUnjudged || host?.kind !== 'ip' || !isPublicHost(host.value)) continue;
      this.#components.addressManager.confirmObservedAddr(address, { type: 'transport', ttl: 0 });
    }
  }

  #observe({ observedAddr, connection, peerId }: IdentifyResult): void {
    if (observedAddr === undefined || connection.limits !== undefined || connection.direction !== 'outbound')
      return;
    const host = hostOf(observedAddr);
    if (host?.kind !== 'ip' || !isPublicHost(host.value) || !TCP.matches(observedAddr)) return;
    if (this.#init.circuitUse === 'auto' && !this.isPublic) this.#listenThroughRelays();
    // from any other port the NAT shows another address, at which nobody is
    if (this.#dialledFromSwarmPort.has(withoutPeer(connection.remoteAddr)))
      this.#remember(withoutPeer(observedAddr), peerId.toString());
  }

  #remember(address: string, reporter: string): void {
    const reporters = this.#observed.get(address) ?? new Set();
    if (reporters.size < REPORTERS_MAX) reporters.add(reporter);
    this.#observed.delete(address);
    this.#observed.set(address, reporters);
    const [oldest] = this.#observed.keys();
    if (this.#observed.size > OBSERVED_MAX && oldest !== undefined) this.#observed.delete(oldest);
    // a router may forward the port after all: AutoNAT finds out
    this.#components.addressManager.addObservedAddr(multiaddr(address));
  }

  #listenThroughRelays(): void {
    if (this.#isListeningThroughRelays) return;
    this.#isListeningThroughRelays = true;
    this.#components.transportManager.listen([multiaddr('/p2p-circuit')]).catch((error: unknown) => {
      this.#isListeningThroughRelays = false;
      this.#init.onFault(error);
    });
  }
}

function isPublicAddress(address: Multiaddr): boolean {
  const host = hostOf(address);
  if (host === undefined || Circuit.matches(address)) return false;
  return host.kind === 'dns' || isPublicHost(host.value);
}

function withoutPeer(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '');
}
