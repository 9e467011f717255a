import { type DCUtRServiceComponents, dcutr } from '@libp2p/dcutr';
import type { Connection } from '@libp2p/interface';
import type { ConnectionManager, OpenConnectionOptions, TransportManager } from '@libp2p/interface-internal';
import type { Multiaddr } from '@multiformats/multiaddr';
import { TCP } from '@multiformats/multiaddr-matcher';
import type { ConnectionPolicy } from './policy.ts';
import type { Reach } from './reach.ts';

/** One attempt, the exchange over the relay included: a lost first packet is sent again after a second. */
const ATTEMPT_TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
/** Attempts of one peer that may be under way. */
const STREAMS_MAX = 2;

/**
 * Direct connection upgrade through relay (libp2p's DCUtR specification) over TCP. The library's service has the
 * protocol; its dialler cannot punch holes: it forgets who is to speak first when both sides dial, and tells the
 * other side only addresses that are reachable anyway. So it is given an address manager that knows the observed
 * addresses and a connection manager that dials as the protocol says.
 */
export function holePunching(
  reachOf: () => Reach,
  policy: ConnectionPolicy,
): (components: DCUtRServiceComponents) => unknown {
  return ({ logger, peerStore, registrar, addressManager, connectionManager, transportManager }) =>
    dcutr({
      timeout: ATTEMPT_TIMEOUT_MS,
      retries: ATTEMPTS,
      maxInboundStreams: STREAMS_MAX,
      maxOutboundStreams: STREAMS_MAX,
    })({
      logger,
      peerStore,
      registrar,
      transportManager,
      addressManager: Object.create(addressManager, {
        getAddresses: { value: () => reachOf().punchAddresses() },
      }),
      connectionManager: Object.create(connectionManager, {
        openConnection: {
          value: (addresses: Multiaddr[], options: OpenConnectionOptions) =>
            open({ connectionManager, transportManager, policy }, addresses, options),
        },
      }),
    });
}

/** With a priority it is the simultaneous dial of the protocol; without, the attempt at a reachable peer. */
async function open(
  components: {
    connectionManager: ConnectionManager;
    transportManager: TransportManager;
    policy: ConnectionPolicy;
  },
  addresses: Multiaddr[],
  options: OpenConnectionOptions,
): Promise<Connection> {
  const { connectionManager, transportManager, policy } = components;
  if (options.priority === undefined) return connectionManager.openConnection(addresses, options);
  const { signal, initiator } = options;
  const dials = addresses
    .filter((address) => TCP.exactMatch(address))
    .map(async (address) => {
      if (await policy.denyDialMultiaddr(address))
        throw new Error(`${address.toString()} may not be dialled`);
      return transportManager.dial(address, {
        ...(signal && { signal }),
        ...(initiator !== undefined && { initiator }),
      });
    });
  return Promise.any(dials);
}
