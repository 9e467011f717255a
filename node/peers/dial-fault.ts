/** Why a peer that the operator named was not reached, and what to do about it. */
import { connect } from 'node:net';
import { getNetConfig } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import { errorMessage } from '../../protocols/common/errors.ts';

/** The reason for a failed dial. */
export interface DialFault {
  /** The cause for programs: `refused`, `timeout`, `name_not_found`, `no_route`, `other_peer`, `not_a_node`, … */
  readonly code: string;
  readonly reason: string;
  /** Next step to take. */
  readonly next: string;
}

export interface DialContext {
  /** This node. */
  readonly peerId: string;
  /** Whether connections go through a proxy: nothing may be looked up or dialled past it. */
  readonly isProxied: boolean;
  /** Whether this node has the key of a private network. */
  readonly hasNetworkKey: boolean;
}

/** For one look whether anything listens there. */
const PROBE_TIMEOUT_MS = 2_000;
/** Errors within errors that are looked at. */
const DEPTH_MAX = 8;
/** Both libraries that compare a peer's id say it in their texts only. */
const FOUND_PEER = /identity key (?<noise>\w+) does not match|but connected to (?<quic>\w+)/;

/** The fault behind what a dial of `address` threw. `signal` ends the look at what listens there. */
export async function explainDial(
  error: unknown,
  address: Multiaddr,
  { signal, ...context }: DialContext & { readonly signal: AbortSignal },
): Promise<DialFault> {
  const faults = faultsOf(error);
  const found = faults
    .map(({ message }) => FOUND_PEER.exec(message)?.groups)
    .find((one) => one !== undefined);
  if (found !== undefined) return otherPeer(found['noise'] ?? found['quic'] ?? '', address, context);
  for (const { code, message } of faults) {
    const known = context.isProxied ? explainProxy(code, message) : explainCode(code, address, context);
    if (known !== null) return known;
  }
  if (context.isProxied) return notANode(context);
  // a WebSocket's error says nothing, and a handshake that hangs ends like a host that is down
  const seen = await probe(address, signal);
  const known = seen === null || seen === CONNECTED ? null : explainCode(seen, address, context);
  if (known !== null) return known;
  if (seen === CONNECTED || faults.some(({ code }) => HANDSHAKE.has(code))) return notANode(context);
  if (faults.some(({ code }) => LATE.has(code))) return timedOut(context);
  const reason = faults.at(-1)?.message ?? 'the dial failed';
  return { code: 'failed', reason, next: 'check the address in bootstrap' };
}

/** This node was given its own address. */
export function selfFault(): DialFault {
  return {
    code: 'self',
    reason: 'that is this node itself',
    next: 'name another node in bootstrap, or none',
  };
}

/** The peer says that it is of another swarm. */
export function otherSwarmFault(theirs: string, own: string): DialFault {
  return {
    code: 'other_swarm',
    reason: `that peer says it belongs to swarm "${theirs}", this node to "${own}"`,
    next: `start this node with --swarm ${theirs}, or name a peer of "${own}" in bootstrap`,
  };
}

const LATE: ReadonlySet<string> = new Set(['TimeoutError', 'AbortError', 'ETIMEDOUT']);
const HANDSHAKE: ReadonlySet<string> = new Set([
  'EncryptionFailedError',
  'MuxerUnavailableError',
  'InvalidCryptoExchangeError',
  'ECONNRESET',
]);
const CONNECTED = 'connected';

function otherPeer(found: string, address: Multiaddr, { peerId }: DialContext): DialFault {
  if (found === peerId) {
    return { ...selfFault(), reason: 'this node itself answers at that address, which names another peer' };
  }
  const right = address.toString().replace(/\/p2p\/\w+$/, `/p2p/${found}`);
  return {
    code: 'other_peer',
    reason: `another node answers at that address: ${found}`,
    next: `if that is the one you mean, put ${right} into bootstrap`,
  };
}

function notANode({ hasNetworkKey }: DialContext): DialFault {
  const key = hasNetworkKey
    ? 'has the same network.keyFile as this one'
    : 'has no network.keyFile, as this one';
  return {
    code: 'not_a_node',
    reason: 'something answers at that address, but not as a node of this network',
    next: `check the port (4411 is for /tcp, 4412 for /ws), and that the other node ${key}`,
  };
}

function timedOut({ hasNetworkKey }: DialContext): DialFault {
  const key = hasNetworkKey ? ', and that both nodes have the same network.keyFile' : '';
  return {
    code: 'timeout',
    reason: 'nothing answers at that address in time',
    next: `check that the node runs, host and port, and that no firewall is between${key}`,
  };
}

function explainCode(code: string, address: Multiaddr, context: DialContext): DialFault | null {
  switch (code) {
    case 'ECONNREFUSED':
      return {
        code: 'refused',
        reason: 'nothing listens at that address',
        next: 'start the node there, or correct host and port in bootstrap',
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'DNSQueryFailedError':
      return {
        code: 'name_not_found',
        reason: `the name server knows no ${hostOf(address)}`,
        next: 'correct the name in bootstrap, or check the network',
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return {
        code: 'no_route',
        reason: 'there is no route to that address',
        next: 'check the network, or the address in bootstrap',
      };
    case 'DialDeniedError':
      return {
        code: 'denied',
        reason: 'this node may not dial that address',
        next: 'change connections.allow or connections.deny',
      };
    case 'ETIMEDOUT':
      return timedOut(context);
    default:
      return null;
  }
}

function explainProxy(code: string, message: string): DialFault | null {
  if (LATE.has(code)) {
    return {
      code: 'timeout',
      reason: 'nothing answers at that address through the proxy in time',
      next: 'check that the node runs, and network.proxy',
    };
  }
  if (code === 'ECONNREFUSED') {
    return { code: 'proxy', reason: 'the proxy does not answer', next: 'start it, or correct network.proxy' };
  }
  if (!/socks/i.test(message)) return null;
  return {
    code: 'proxy',
    reason: `the proxy says: ${message}`,
    next: 'check the address in bootstrap, and network.proxy',
  };
}

interface Fault {
  readonly code: string;
  readonly message: string;
}

/** The error and what caused it, or each of several. */
function faultsOf(error: unknown, depth = 0): Fault[] {
  if (!(error instanceof Error) || depth > DEPTH_MAX) return [];
  const { code, name } = error as Error & { code?: unknown };
  const own = { code: typeof code === 'string' ? code : name, message: errorMessage(error) };
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  return [own, ...inner.flatMap((one) => faultsOf(one, depth + 1))];
}

function hostOf(address: Multiaddr): string {
  const host = address.getComponents().find(({ name }) => /^(dns|ip)/.test(name))?.value;
  return host ?? address.toString();
}

/** Result of a plain connection to a TCP or WebSocket address: `connected`, or the system's code; null for other addresses. */
function probe(address: Multiaddr, signal: AbortSignal): Promise<string | null> {
  const target = tcpOf(address);
  if (target === null || signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => {
    const socket = connect(target);
    const end = (answer: string | null): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = (): void => end(null);
    signal.addEventListener('abort', onAbort);
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end('ETIMEDOUT'));
    socket.once('connect', () => end(CONNECTED));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'ETIMEDOUT'));
  });
}

function tcpOf(address: Multiaddr): { host: string; port: number } | null {
  if (!address.getComponents().some(({ name }) => name === 'tcp')) return null;
  try {
    const { host, port } = getNetConfig(address);
    return port === undefined ? null : { host, port };
  } catch {
    return null;
  }
}
