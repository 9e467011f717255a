import { BlockList, isIP } from 'node:net';
import { parsePeerId } from '../runtime/peer-ids.ts';

/** Reads such a list. Throws a `TypeError` that names the entry which is neither a peer id nor a range. */
export function accessList(entries: readonly string[]): AccessList {
  return new AccessList(entries);
}

export type { AccessList };

/** Matches a list of peer ids, addresses and address ranges. */
class AccessList {
  readonly #peers = new Set<string>();
  readonly #ranges = new BlockList();
  readonly #hasRanges: boolean;

  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (parsePeerId(entry) === entry) this.#peers.add(entry);
      else addRange(this.#ranges, entry);
    }
    this.#hasRanges = this.#ranges.rules.length > 0;
  }

  get isEmpty(): boolean {
    return this.#peers.size === 0 && !this.#hasRanges;
  }

  /** Whether it names addresses: who has which peer id is then not known before the dial. */
  get hasRanges(): boolean {
    return this.#hasRanges;
  }

  /** Whether it names peers: who is behind an address is then known only after the handshake. */
  get namesPeers(): boolean {
    return this.#peers.size > 0;
  }

  hasPeer(id: string): boolean {
    return this.#peers.has(id);
  }

  hasHost(ip: string): boolean {
    const family = isIP(ip);
    return this.#hasRanges && family !== 0 && this.#ranges.check(ip, family === 6 ? 'ipv6' : 'ipv4');
  }
}

function addRange(ranges: BlockList, entry: string): void {
  const [address = '', bits, ...rest] = entry.split('/');
  const family = isIP(address);
  const most = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : Number(bits);
  const isNumber = bits === undefined || /^\d{1,3}$/.test(bits);
  if (family === 0 || rest.length > 0 || !isNumber || prefix > most) {
    throw new TypeError(
      `"${entry}" must be a peer id, an address or an address range such as 192.0.2.0/24 or 2001:db8::/32`,
    );
  }
  ranges.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
}
