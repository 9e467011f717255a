import type { Libp2pOptions } from 'libp2p';
import type { Capabilities } from './capabilities.ts';

/** Parts of the network that are loaded only when they are used: each costs megabytes. */
export interface Optional {
  readonly transports: NonNullable<Libp2pOptions['transports']>;
  readonly discovery: Pick<Libp2pOptions, 'peerDiscovery'>;
  readonly services: NonNullable<Libp2pOptions['services']>;
}

/** Between questions to the local network: a node that joins is found by its own. */
const MDNS_INTERVAL_MS = 20_000;
/** Where a UPnP gateway forgets a forwarded port unless it is asked again. */
const UPNP_TTL_MS = 2 * 3_600_000;

/**
 * Loads them. A part that does not load is left out and reported: QUIC has a native package, which not every
 * platform has.
 */
export async function loadOptional(
  capabilities: Capabilities,
  onFault: (what: string, error: unknown) => void,
): Promise<Optional> {
  const load = async <T>(isWanted: boolean, what: string, make: () => Promise<T>): Promise<T | undefined> => {
    if (!isWanted) return undefined;
    try {
      return await make();
    } catch (error) {
      onFault(what, error);
      return undefined;
    }
  };
  const quic = await load(capabilities.quic, 'QUIC', async () =>
    (await import('@chainsafe/libp2p-quic')).quic(),
  );
  const mdns = await load(capabilities.mdns, 'mDNS', async () =>
    (await import('@libp2p/mdns')).mdns({ interval: MDNS_INTERVAL_MS }),
  );
  const upnp = await load(capabilities.upnp, 'UPnP', async () =>
    (await import('@libp2p/upnp-nat')).uPnPNAT({
      portMappingTTL: UPNP_TTL_MS,
      portMappingDescription: 'maillon',
    }),
  );
  return {
    transports: quic === undefined ? [] : [quic],
    discovery: mdns === undefined ? {} : { peerDiscovery: [mdns] },
    services: upnp === undefined ? {} : { upnp },
  };
}
