import { type DCUtRServiceComponents, dcutr } from '@libp2p/dcutr';
import type { Connection, PeerId, Startable, Topology } from '@libp2p/interface';
import type {
  ConnectionManager,
  OpenConnectionOptions,
  Registrar,
  TransportManager,
} from '@libp2p/interface-internal';
import type { Multiaddr } from '@multiformats/multiaddr';
import { TCP } from '@multiformats/multiaddr-matcher';
import type { ConnectionPolicy } from './policy.ts';
import type { Reach } from './reach.ts';

/** One attempt, the exchange over the relay included: a lost first packet is sent again after a second. */
const ATTEMPT_TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
/**
 * Two that still meet only through a relay try again so often: longer than the attempts take, much shorter than the relay lets the
 * connection last, after which they would dial each other anew.
 */
const RETRY_MS = 20_000;
/** How often it is looked whether that is due. */
const CHECK_MS = 5_000;
/** Attempts of one peer that may be under way. */
const STREAMS_MAX = 2;

/**
 * Direct connection upgrade through relay (libp2p's DCUtR specification) over TCP. The library's service has the
 * protocol; its dialler cannot punch holes: it forgets who is to speak first when both sides dial, and tells the
 * other side only addresses that are reachable anyway. So it is given an address manager that knows the observed
 * addresses and a connection manager that dials as the protocol says. And it tries only while a relayed connection is
 * new: a busy machine or a lost packet would leave two peers apart until the relay ends it.
 */
export function holePunching(
  reachOf: () => Reach,
  policy: ConnectionPolicy,
): (components: DCUtRServiceComponents) => unknown {
  return ({ logger, peerStore, registrar, addressManager, connectionManager, transportManager }) => {
    const retries = new PunchRetries({ registrar, connectionManager });
    const service = dcutr({
      timeout: ATTEMPT_TIMEOUT_MS,
      retries: ATTEMPTS,
      maxInboundStreams: STREAMS_MAX,
      maxOutboundStreams: STREAMS_MAX,
    })({
      logger,
      peerStore,
      registrar: retries.registrar,
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
    return retries.runWith(service as Startable);
  };
}

/** Has the service try again with who is still reached through a relay alone. */
export class PunchRetries {
  /** Notes which connections the service begins with. */
  readonly registrar: Registrar;
  readonly #connections: Pick<ConnectionManager, 'getConnections'>;
  /** Relayed connections that the service was told of: how, and when last. */
  readonly #begun = new Map<Connection, { readonly begin: () => void; at: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor({
    registrar,
    connectionManager,
  }: Pick<DCUtRServiceComponents, 'registrar' | 'connectionManager'>) {
    this.#connections = connectionManager;
    this.registrar = Object.create(registrar, {
      register: {
        value: (protocol: string, topology: Topology) => registrar.register(protocol, this.#noting(topology)),
      },
    }) as Registrar;
  }

  runWith(service: Startable): Startable {
    const start = async (): Promise<void> => {
      await service.start();
      this.#timer ??= setInterval(() => this.#retry(), CHECK_MS).unref();
    };
    const stop = async (): Promise<void> => {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#begun.clear();
      await service.stop();
    };
    return Object.create(service, { start: { value: start }, stop: { value: stop } }) as Startable;
  }

  #noting(topology: Topology): Topology {
    const onConnect = (peer: PeerId, connection: Connection): void => {
      const begin = (): void => {
        void topology.onConnect?.(peer, connection);
      };
      if (connection.limits !== undefined) this.#begun.set(connection, { begin, at: Date.now() });
      begin();
    };
    return { ...topology, onConnect };
  }

  #retry(): void {
    for (const [connection, begun] of this.#begun) {
      const isRelayedOnly = this.#connections
        .getConnections(connection.remotePeer)
        .every(({ limits }) => limits !== undefined);
      if (connection.status !== 'open' || !isRelayedOnly) this.#begun.delete(connection);
      else if (Date.now() - begun.at >= RETRY_MS) {
        begun.at = Date.now();
        begun.begin();
      }
    }
  }
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
