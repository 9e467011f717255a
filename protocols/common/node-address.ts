import { equalBytes } from './bytes.ts';
import { CodedError } from './errors.ts';

/** Where a node can be dialled first: of a relayed address that is its relay. */
export type NodeHost =
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  | { readonly kind: 'dns'; readonly name: string };

export interface NodeAddress {
  readonly host: NodeHost;
  readonly transport: 'tcp' | 'ws' | 'wss' | 'quic';
  /** Whether it leads through a relay: `…/p2p/<relay>/p2p-circuit`. */
  readonly isRelayed: boolean;
}

/** The longest multiaddr of a node: a DNS name of 200 characters and a relay. */
export const NODE_ADDRESS_MAX_BYTES = 256;

/** Multicodecs as varints, in their one shortest form. */
const IP4 = Uint8Array.of(0x04);
const IP6 = Uint8Array.of(0x29);
const DNS = [Uint8Array.of(0x35), Uint8Array.of(0x36), Uint8Array.of(0x37)];
const TCP = Uint8Array.of(0x06);
const UDP = Uint8Array.of(0x91, 0x02);
const QUIC_V1 = Uint8Array.of(0xcd, 0x03);
const WS = Uint8Array.of(0xdd, 0x03);
const WSS = Uint8Array.of(0xde, 0x03);
const TLS_WS = Uint8Array.of(0xc0, 0x03, 0xdd, 0x03);
/** `/p2p/`, 38 bytes, an identity multihash of 36, a protobuf: key type Ed25519, 32 bytes of key. */
const P2P = Uint8Array.of(0xa5, 0x03, 0x26, 0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const P2P_CIRCUIT = Uint8Array.of(0xa2, 0x02);

const IP4_BYTES = 4;
const IP6_BYTES = 16;
const KEY_BYTES = 32;

/** A host name: labels of letters, digits and hyphens in lower case; the last one is no number, or it were an IP. */
const NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads a multiaddr that a node can be dialled at, without its own `/p2p/…` at the end:
 *
 *     (ip4 | ip6 | dns | dns4 | dns6) (tcp | tcp ws | tcp wss | tcp tls ws | udp quic-v1) [p2p <relay> p2p-circuit]
 *
 * Throws `bad_address` for every other one and for what is not its shortest form.
 */
export function parseNodeAddress(bytes: Uint8Array): NodeAddress {
  if (bytes.byteLength > NODE_ADDRESS_MAX_BYTES) {
    throw bad(`exceeds ${NODE_ADDRESS_MAX_BYTES} bytes`);
  }
  const reader = new Reader(bytes);
  const host = readHost(reader);
  const transport = readTransport(reader);
  const isRelayed = !reader.isAtEnd;
  if (isRelayed) {
    if (!reader.take(P2P)) throw bad('has something unknown behind its transport');
    reader.read(KEY_BYTES);
    if (!reader.take(P2P_CIRCUIT)) throw bad('must not end in the id of its own peer');
    if (!reader.isAtEnd) throw bad('has something behind p2p-circuit');
  }
  return { host, transport, isRelayed };
}

function readHost(reader: Reader): NodeHost {
  if (reader.take(IP4)) return { kind: 'ip', bytes: specified(reader.read(IP4_BYTES)) };
  if (reader.take(IP6)) return { kind: 'ip', bytes: specified(reader.read(IP6_BYTES)) };
  if (!DNS.some((code) => reader.take(code))) throw bad('must begin with ip4, ip6, dns, dns4 or dns6');
  const length = readLength(reader);
  const name = String.fromCharCode(...reader.read(length));
  if (!NAME.test(name)) throw bad('has a name that is no host name in lower case');
  return { kind: 'dns', name };
}

/** A varint of up to two bytes, in its shortest form. */
function readLength(reader: Reader): number {
  const first = reader.byte();
  if (first < 0x80) return first;
  const second = reader.byte();
  if (second === 0 || second >= 0x80) throw bad('has a length that is not in its shortest form');
  return (first & 0x7f) + second * 0x80;
}

function specified(ip: Uint8Array): Uint8Array {
  if (ip.every((byte) => byte === 0)) throw bad('names no host');
  return ip;
}

function readTransport(reader: Reader): NodeAddress['transport'] {
  if (reader.take(UDP)) {
    readPort(reader);
    if (reader.take(QUIC_V1)) return 'quic';
    throw bad('is UDP without QUIC');
  }
  if (!reader.take(TCP)) throw bad('has neither TCP nor UDP behind its host');
  readPort(reader);
  if (reader.take(TLS_WS) || reader.take(WSS)) return 'wss';
  return reader.take(WS) ? 'ws' : 'tcp';
}

function readPort(reader: Reader): void {
  const [high = 0, low = 0] = reader.read(2);
  if (high === 0 && low === 0) throw bad('has port 0');
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  read(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw bad('ends too early');
    const read = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return read;
  }

  byte(): number {
    return this.read(1)[0] ?? 0;
  }

  /** Goes past `expected` if it stands here. */
  take(expected: Uint8Array): boolean {
    const end = this.#at + expected.byteLength;
    if (!equalBytes(this.#bytes.subarray(this.#at, end), expected)) return false;
    this.#at = end;
    return true;
  }
}

function bad(what: string): CodedError {
  return new CodedError('bad_address', `address ${what}`);
}
