import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isPrivateIp } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';

/** The host a multiaddr leads to first: of a relayed address that is the relay's. */
export interface Host {
  readonly kind: 'ip' | 'dns';
  readonly value: string;
}

/** The host in `address`; undefined when it names none, as a relayed address by peer id alone. */
export function hostOf(address: Multiaddr): Host | undefined {
  for (const { name, value } of address.getComponents()) {
    if (value === undefined) continue;
    if (name === 'ip4' || name === 'ip6') return { kind: 'ip', value };
    if (name === 'dns' || name === 'dns4' || name === 'dns6' || name === 'dnsaddr')
      return { kind: 'dns', value };
  }
  return undefined;
}

/** Whether `host` is a loopback address: this machine and nobody else. */
export function isLoopbackHost(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host.startsWith('::ffff:127.');
}

/** Whether everybody can reach `ip`, as far as the number tells. */
export function isPublicHost(ip: string): boolean {
  return isIP(ip) !== 0 && isPrivateIp(ip) === false && ip !== '0.0.0.0' && ip !== '::';
}

/** Subnets this machine is in, as `address/prefix`, loopback left out. */
export function ownSubnets(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ cidr, internal }) => (cidr === null || internal ? [] : [cidr]));
}
