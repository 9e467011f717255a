import * as net from 'node:net';
import type { DialTransportOptions, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface';
import { getNetConfig } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import { SocksClient } from 'socks';

/** Opens the socket of an outgoing TCP connection. Throws what the system or the proxy says. */
export type OpenSocket = (address: Multiaddr, signal: AbortSignal) => Promise<net.Socket>;

/** Method that the TCP transport calls to open a socket; public in its code, though not in its types. */
interface Opener {
  _connect(address: Multiaddr, options: { signal: AbortSignal }): Promise<net.Socket>;
}

/**
 * A TCP transport whose outgoing sockets `open` opens, and whose dials may be by the one who answers: of two that
 * dial each other one has to. Everything else is the library's.
 */
export function dialling<Components>(
  transport: (components: Components) => Transport,
  open: OpenSocket,
): (components: Components) => Transport {
  return (components) => {
    const made = transport(components);
    (made as unknown as Opener)._connect = (address, { signal }) => open(address, signal);
    const dial = made.dial.bind(made);
    made.dial = (address, options) => dial(address, isAnswering(options) ? answering(options) : options);
    return made;
  };
}

/** Whether a hole punch dials as the answering side, as it tells the transport manager. */
function isAnswering(options: DialTransportOptions & { readonly initiator?: boolean }): boolean {
  return options.initiator === false;
}

/** The upgrader has the answering side speak second; the stream muxer looks at the connection's direction instead. */
function answering(options: DialTransportOptions): DialTransportOptions {
  const { upgrader } = options;
  const upgradeOutbound = (connection: MultiaddrConnection, rest: never): unknown => {
    connection.direction = 'inbound';
    return upgrader.upgradeOutbound(connection, rest);
  };
  return {
    ...options,
    upgrader: Object.create(upgrader, { upgradeOutbound: { value: upgradeOutbound } }) as Upgrader,
  };
}

/** A transport that listens and never dials: what it would dial goes past the proxy. */
export function listeningOnly<Components>(
  transport: (components: Components) => Transport,
): (components: Components) => Transport {
  return (components) => {
    const made = transport(components);
    made.dialFilter = () => [];
    made.dial = () => Promise.reject(new Error('this transport does not dial behind a proxy'));
    return made;
  };
}

/**
 * Opens sockets through the SOCKS5 proxy at `url` (RFC 1928), and only so. Names are handed to the proxy as they are:
 * looking them up here would tell the network which peers this node talks to.
 */
export function openThroughProxy(url: string, timeoutMs: number): OpenSocket {
  const { hostname, port } = new URL(url);
  const proxy = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), type: 5 as const };
  return async (address, signal) => {
    signal.throwIfAborted();
    const { host, port: remotePort } = getNetConfig(address);
    if (remotePort === undefined) throw new Error(`${address.toString()} names no port`);
    const { socket } = await SocksClient.createConnection({
      proxy,
      command: 'connect',
      destination: { host, port: remotePort },
      timeout: timeoutMs,
      set_tcp_nodelay: true,
    });
    if (signal.aborted) {
      socket.destroy();
      signal.throwIfAborted();
    }
    socket.setKeepAlive(true);
    return socket;
  };
}

/** `net.BoundSocket` of Node 24.19 and later, which the type package does not know yet. */
type BoundSocketConstructor = new (options: { host: string; port: number; reusePort: boolean }) => object;
const BoundSocket = (net as unknown as { BoundSocket?: BoundSocketConstructor }).BoundSocket;

/** From which local port a dial goes out; null for any. */
export type LocalPort = (address: Multiaddr) => number | null;

/**
 * Opens sockets directly. Where `localPort` names a port it goes out from there, so that a NAT gives it the same
 * outside address as the listener's: that is what makes hole punching possible. Where the port cannot be used for
 * this target once more, any other does.
 */
export function openDirectly(localPort: LocalPort, onLocal: (address: Multiaddr) => void): OpenSocket {
  return async (address, signal) => {
    const port = localPort(address);
    if (port !== null && BoundSocket !== undefined) {
      try {
        const { host, type } = getNetConfig(address);
        const any = type === 'ip6' || host.includes(':') ? '::' : '0.0.0.0';
        const handle = new BoundSocket({ host: any, port, reusePort: true });
        const socket = await connected(address, signal, handle);
        onLocal(address);
        return socket;
      } catch (error) {
        if (!isLocalFault(error)) throw error;
      }
    }
    return connected(address, signal);
  };
}

/** The port is taken for this target: an earlier connection from it is not forgotten yet. */
function isLocalFault(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' || code === 'EINVAL';
}

function connected(address: Multiaddr, signal: AbortSignal, handle?: object): Promise<net.Socket> {
  signal.throwIfAborted();
  const { host, port } = getNetConfig(address);
  const options = { host, port: port ?? 0, noDelay: true, keepAlive: true, ...(handle && { handle }) };
  const socket = net.connect(options as net.NetConnectOpts);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('connect', onConnect);
      socket.off('error', onError);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (error: unknown): void => {
      // whatever the socket says from here on is of no interest
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => settle(() => resolve(socket));
    const onError = (error: Error): void => settle(() => fail(error));
    const onAbort = (): void => settle(() => fail(signal.reason));
    socket.once('connect', onConnect);
    socket.once('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
