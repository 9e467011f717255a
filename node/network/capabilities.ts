import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import { isLoopbackHost } from './hosts.ts';

/** Network features that a node uses, as its settings allow together. */
export interface Capabilities {
  /** Where the swarm ports listen. */
  readonly listenHost: string;
  readonly quic: boolean;
  /** Dial WebSocket addresses: they cannot go through a proxy. */
  readonly webSocketDials: boolean;
  readonly mdns: boolean;
  readonly upnp: boolean;
  /** Learn at which address others see this node and whether it is reached there. */
  readonly autonat: boolean;
  readonly holePunch: boolean;
  readonly circuitUse: Config['circuit.use'];
  readonly circuitServe: boolean;
  /** How long one address may take to answer. */
  readonly dialTimeoutMs: number;
}

const DIAL_TIMEOUT_MS = 5_000;
/** An anonymising proxy builds its circuit first. */
const PROXY_DIAL_TIMEOUT_MS = 30_000;

/**
 * Behind a proxy nothing goes out that the proxy cannot carry: no UDP, no multicast, no question to the router, and
 * nothing that would tell where the node is. With a network key there is no QUIC, which has no place for it. On
 * loopback nobody has to be reached from outside.
 */
export function capabilitiesOf(config: Config, role: Role): Capabilities {
  const isProxied = config['network.proxy'] !== '';
  const listenHost = isProxied && !config.explicit.has('listen.host') ? '127.0.0.1' : config['listen.host'];
  const isReachable = role === 'full' && !isLoopbackHost(listenHost) && !isProxied;
  return {
    listenHost,
    quic: config['network.quic'] && !isProxied && config['network.keyFile'] === '',
    webSocketDials: !isProxied,
    mdns: config['network.mdns'] && !isProxied,
    upnp: config['network.upnp'] && isReachable,
    autonat: isReachable,
    holePunch: config['network.holePunch'] && isReachable,
    circuitUse: isReachable ? config['circuit.use'] : 'never',
    circuitServe: config['circuit.serve'] && isReachable,
    dialTimeoutMs: isProxied ? PROXY_DIAL_TIMEOUT_MS : DIAL_TIMEOUT_MS,
  };
}
