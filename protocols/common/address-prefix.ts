import type { NodeHost } from './node-address.ts';

/** The prefix of this very machine: who is there is trusted with it, and no crowd comes from outside. */
export const LOOPBACK_PREFIX = 'loopback';

/** 96 bits before an IPv4 address in IPv6: mapped ones, and those of NAT64 (RFC 6052). */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
const NAT64 = Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0);
/** 6to4 (RFC 3056): an IPv4 address owns the /48 behind these two bytes. */
const SIX_TO_FOUR = Uint8Array.of(0x20, 0x02);
/** IPv6 blocks are handed out as /48s. */
const IP6_PREFIX_BYTES = 6;
/** The owner of a domain controls every name in it. */
const DNS_LABELS = 2;

/**
 * The group of addresses that one party gets cheaply: the /24 of an IPv4 address (also of one wrapped in IPv6), the
 * /48 of an IPv6 one, the last two labels of a name, or `LOOPBACK_PREFIX`; with `splitLoopback` that is divided into its
 * /24s, for a swarm on one machine that is to behave as a wide one. Pure; the text is for comparing and showing.
 */
export function prefixOf(host: NodeHost, splitLoopback = false): string {
  if (host.kind === 'dns') return host.name.split('.').slice(-DNS_LABELS).join('.');
  const { bytes } = host;
  const ip4 = embeddedIp4(bytes);
  if (ip4 !== null) return ip4Prefix(ip4, splitLoopback);
  if (bytes.every((byte, index) => byte === (index === 15 ? 1 : 0))) return LOOPBACK_PREFIX;
  const groups: string[] = [];
  for (let i = 0; i < IP6_PREFIX_BYTES; i += 2) {
    groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  }
  return `${groups.join(':')}::/48`;
}

function embeddedIp4(bytes: Uint8Array): Uint8Array | null {
  if (bytes.byteLength === 4) return bytes;
  if (startsWith(bytes, MAPPED) || startsWith(bytes, NAT64)) return bytes.subarray(12);
  return startsWith(bytes, SIX_TO_FOUR) ? bytes.subarray(2, 6) : null;
}

function ip4Prefix([a = 0, b = 0, c = 0]: Uint8Array, splitLoopback: boolean): string {
  return a === 127 && !splitLoopback ? LOOPBACK_PREFIX : `${a}.${b}.${c}.0/24`;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}
