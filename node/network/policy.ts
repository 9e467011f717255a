import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type AccessList, accessList } from '../config/access-list.ts';
import { hostOf, isLoopbackHost, isPublicHost, ownSubnets } from './hosts.ts';

export interface PolicyComponents {
  /** Connections there are now. */
  readonly connections: () => readonly Connection[];
  /** Whether others reach this node at a public address. */
  readonly isReachable: () => boolean;
}

export interface PolicyInit {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly perAddress: number;
  readonly perPeer: number;
  readonly dialPrivate: 'subnet' | 'always' | 'never';
  /** Look up names before they are dialled; a node behind a proxy must not. */
  readonly resolves: boolean;
  /** Whether this node listens on loopback only: its swarm is this machine. */
  readonly isLocal: boolean;
}

/** Addresses the operator named; bounded, since `connect` adds to them. */
const TRUSTED_MAX = 1000;
/** Subnets are read anew this often: interfaces come and go. */
const SUBNETS_AGE_MS = 30_000;

/**
 * Decides which peers this node talks to (a libp2p connection gater): allow and deny lists, how many connections one
 * address and one peer may have, and which addresses named by peers may be dialled at all. Peers cannot make this node
 * dial its own machine, or a local network that it does not share with them; addresses its operator named are always
 * dialled.
 */
export class ConnectionPolicy implements ConnectionGater {
  readonly #components: PolicyComponents;
  readonly #init: PolicyInit;
  readonly #allow: AccessList;
  readonly #deny: AccessList;
  readonly #trusted = new Set<string>();
  #subnets = new BlockList();
  #subnetsReadAt = -Infinity;

  constructor(components: PolicyComponents, init: PolicyInit) {
    this.#components = components;
    this.#init = init;
    this.#allow = accessList(init.allow);
    this.#deny = accessList(init.deny);
  }

  /** The operator named `address`: it may be dialled wherever it leads. */
  trust(address: Multiaddr): void {
    const host = hostOf(address)?.value;
    if (host === undefined) return;
    this.#trusted.delete(host);
    this.#trusted.add(host);
    const [oldest] = this.#trusted;
    if (this.#trusted.size > TRUSTED_MAX && oldest !== undefined) this.#trusted.delete(oldest);
  }

  readonly denyDialPeer = (peer: PeerId): boolean => !this.#mayBePeer(peer);

  readonly denyDialMultiaddr = async (address: Multiaddr): Promise<boolean> => {
    const host = hostOf(address);
    if (host === undefined || host.kind === 'ip') return !this.#mayDial(host?.value);
    if (this.#trusted.has(host.value) || !this.#init.resolves) return false;
    const found = await lookup(host.value, { all: true }).catch(() => []);
    return found.length === 0 || found.some((one) => !this.#mayDial(one.address));
  };

  readonly denyInboundConnection = ({ remoteAddr }: MultiaddrConnection): boolean => {
    const ip = hostOf(remoteAddr)?.value;
    if (ip === undefined) return false;
    return !this.#mayBeHost(ip) || this.#isCrowded(ip);
  };

  readonly denyInboundEncryptedConnection = (peer: PeerId, connection: MultiaddrConnection): boolean =>
    !this.#mayConnect(peer, connection);

  readonly denyOutboundEncryptedConnection = (peer: PeerId, connection: MultiaddrConnection): boolean =>
    !this.#mayConnect(peer, connection);

  /** A node that nobody reaches refuses relay reservations: its address would lead nowhere. */
  readonly denyInboundRelayReservation = (): boolean => !this.#components.isReachable();

  readonly denyOutboundRelayedConnection = (source: PeerId, destination: PeerId): boolean =>
    !this.#mayBePeer(source) || !this.#mayBePeer(destination);

  readonly denyInboundRelayedConnection = (relay: PeerId, peer: PeerId): boolean =>
    !this.#mayBePeer(relay) || !this.#mayBePeer(peer);

  /** Whether an address that a peer named is worth keeping. */
  readonly filterMultiaddrForPeer = (peer: PeerId, address: Multiaddr): boolean => {
    const host = hostOf(address);
    return this.#mayBePeer(peer) && (host === undefined || host.kind === 'dns' || this.#mayDial(host.value));
  };

  #mayBePeer(peer: PeerId): boolean {
    const id = peer.toString();
    if (this.#deny.hasPeer(id)) return false;
    return this.#allow.isEmpty || this.#allow.hasRanges || this.#allow.hasPeer(id);
  }

  /** Before the handshake only the address is known. */
  #mayBeHost(ip: string): boolean {
    if (this.#deny.hasHost(ip)) return false;
    return this.#allow.isEmpty || this.#allow.namesPeers || this.#allow.hasHost(ip);
  }

  #mayConnect(peer: PeerId, { remoteAddr }: MultiaddrConnection): boolean {
    const id = peer.toString();
    const ip = hostOf(remoteAddr)?.value ?? '';
    if (this.#deny.hasPeer(id) || this.#deny.hasHost(ip)) return false;
    if (!this.#allow.isEmpty && !this.#allow.hasPeer(id) && !this.#allow.hasHost(ip)) return false;
    return this.#count((one) => one.remotePeer.equals(peer)) < this.#init.perPeer;
  }

  #mayDial(ip: string | undefined): boolean {
    if (ip === undefined) return true;
    if (!this.#mayBeHost(ip)) return false;
    if (this.#trusted.has(ip) || this.#allow.hasHost(ip) || isPublicHost(ip)) return true;
    if (isLoopbackHost(ip)) return this.#isLocalSwarm();
    const { dialPrivate } = this.#init;
    return dialPrivate === 'always' || (dialPrivate === 'subnet' && this.#isInSubnet(ip));
  }

  /** Loopback is dialled by nodes whose swarm is this machine: as they listen, were told, or are already connected. */
  #isLocalSwarm(): boolean {
    if (this.#init.isLocal) return true;
    for (const host of this.#trusted) if (isLoopbackHost(host)) return true;
    return this.#count(({ remoteAddr }) => isLoopbackHost(hostOf(remoteAddr)?.value ?? '')) > 0;
  }

  #isInSubnet(ip: string): boolean {
    if (performance.now() - this.#subnetsReadAt > SUBNETS_AGE_MS) {
      this.#subnetsReadAt = performance.now();
      this.#subnets = new BlockList();
      for (const subnet of ownSubnets()) {
        const [address = '', bits] = subnet.split('/');
        this.#subnets.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
      }
    }
    return this.#subnets.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
  }

  #isCrowded(ip: string): boolean {
    if (isLoopbackHost(ip)) return false;
    return this.#count(({ remoteAddr }) => hostOf(remoteAddr)?.value === ip) >= this.#init.perAddress;
  }

  #count(matches: (connection: Connection) => boolean): number {
    return this.#components.connections().reduce((sum, one) => sum + (matches(one) ? 1 : 0), 0);
  }
}
