import type { NodeCore } from '../core/core.ts';
import { capabilitiesOf } from '../network/capabilities.ts';
import { registerPeerMetrics } from './metrics.ts';
import { Peers } from './peers.ts';

export function create(core: NodeCore): Peers {
  const { config, role, network, policy, services, meter } = core;
  const { dialTimeoutMs } = capabilitiesOf(config, role);
  // without a directory peers come from bootstrap addresses, the DHT and earlier runs
  const directory = services.directory ?? { candidates: () => [], verifiedCount: 0 };
  const peers = new Peers(
    { ...core, directory },
    { config, role, dialTimeoutMs, trust: (address) => policy.trust(address) },
  );
  if (meter !== null) registerPeerMetrics(meter, network);
  return peers;
}
