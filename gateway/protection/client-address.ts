/**
 * The client's address. A proxy appends the address it was asked from to X-Forwarded-For, so that only what trusted proxies
 * appended is true: it is read from the right, and whatever a client wrote itself stands further left.
 */
import { BlockList, isIP, SocketAddress } from 'node:net';
import { isLoopback } from './guard.ts';

/** Proxies one behind another: more than anybody runs. */
const HOPS_MAX = 16;
const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'] as const;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const IPV6_BITS = 64;

export interface ClientAddress {
  /** In its usual form; an IPv4 address that came mapped into IPv6 as the IPv4 address it is. */
  readonly address: string;
  /** Whether a program of this machine asks for itself: no proxy had a hand in it. */
  readonly isLocal: boolean;
}

/** The proxies that are believed. */
export class TrustedProxies {
  readonly #ranges = new BlockList();
  /** The last client that connected directly, cached: one connection brings many requests. */
  #last: { readonly peer: string; readonly client: ClientAddress } | null = null;

  /** `ranges`: addresses and ranges, found good when the settings were read. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      const isV6 = isIP(address) === 6;
      this.#ranges.addSubnet(
        address,
        bits === undefined ? (isV6 ? 128 : 32) : Number(bits),
        isV6 ? 'ipv6' : 'ipv4',
      );
    }
  }

  /** Whether whoever is connected is one of them; its address in its usual form. */
  lookAt(peer: string | undefined): { readonly address: string; readonly isProxy: boolean } {
    const address = canonical(peer ?? '') ?? '';
    return { address, isProxy: this.#has(address) };
  }

  /** `peer`: who is connected. `headers`: of the request, X-Forwarded-For joined with commas. */
  clientOf(
    peer: string | undefined,
    headers: { readonly [name: string]: string | string[] | undefined },
  ): ClientAddress {
    const isForwarded = FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
    if (!isForwarded) return this.#direct(peer ?? '');
    const direct = canonical(peer ?? '') ?? '';
    const hops = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').slice(-HOPS_MAX);
    let address = direct;
    while (this.#has(address)) {
      const before = canonical(hops.pop()?.trim() ?? '');
      // whoever is not named properly is only known as the proxy's client
      if (before === null) break;
      address = before;
    }
    return { address, isLocal: false };
  }

  #direct(peer: string): ClientAddress {
    if (this.#last?.peer !== peer) {
      const address = canonical(peer) ?? '';
      this.#last = { peer, client: { address, isLocal: isLoopback(address) } };
    }
    return this.#last.client;
  }

  #has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#ranges.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** The unit for which limits are counted: an IPv6 client has 2^64 addresses to choose from. */
export function limitSubject(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = expand(address).slice(0, IPV6_BITS / 16);
  return `${groups.join(':')}::/${IPV6_BITS}`;
}

/** The usual form of an address, without a port after it; null for a malformed one. */
function canonical(text: string): string | null {
  const bare = /^\[([^\]]+)\](:\d{1,5})?$/.exec(text)?.[1] ?? text.replace(/^([^:]+):\d{1,5}$/, '$1');
  const family = isIP(bare);
  // an IPv4 address has one form only
  if (family === 4) return bare;
  if (family === 0 || bare.includes('%')) return null;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  return MAPPED.exec(address)?.[1] ?? address;
}

function expand(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // an IPv4 address at the end stands for two groups, all of them beyond those that count
  const missing = 8 - left.length - right.length - (address.includes('.') ? 1 : 0);
  return [...left, ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'), ...right];
}
