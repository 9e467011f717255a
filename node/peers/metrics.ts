import type { Connection } from '@libp2p/interface';
import type { Meter } from '../observability/meter.ts';

const DIRECTIONS = ['inbound', 'outbound'] as const;

/** How a connection came to be, by parts of its address; the first that fits. */
const KINDS = [
  ['relayed', /\/p2p-circuit/],
  ['quic', /\/quic/],
  ['websocket', /\/wss?(\/|$)/],
  ['tcp', /\/tcp\//],
  ['other', /^/],
] as const;

/** Registers how many peers and connections there are. */
export function registerPeerMetrics(
  meter: Meter,
  network: { getConnections(): readonly Connection[] },
): void {
  meter.gauges('maillon_network_peers', 'Connected peers, by who dialled first.', 'direction', () => {
    const first = new Map<string, string>();
    for (const { remotePeer, direction } of network.getConnections()) {
      if (!first.has(remotePeer.toString())) first.set(remotePeer.toString(), direction);
    }
    return tally(DIRECTIONS, first.values());
  });
  meter.gauges('maillon_network_connections', 'Open connections, by how they lead there.', 'kind', () => {
    const kinds = network.getConnections().map(({ remoteAddr }) => kindOf(remoteAddr.toString()));
    return tally(
      KINDS.map(([kind]) => kind),
      kinds,
    );
  });
}

function kindOf(address: string): string {
  return KINDS.find(([, pattern]) => pattern.test(address))?.[0] ?? 'other';
}

/** How often each of `names` is among `found`; those that are not there are 0 rather than missing. */
function tally(names: readonly string[], found: Iterable<string>): [string, number][] {
  const counts = new Map(names.map((name) => [name, 0]));
  for (const name of found) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts];
}
