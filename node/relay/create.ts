import { createRelayMetrics } from '../../protocols/relay/index.ts';
import type { NodeCore } from '../core/core.ts';
import { envelopeAuthoriser } from '../identity/tenancy.ts';
import { meshSizes } from '../network/mesh.ts';
import { registerRelayMetrics } from './metrics.ts';
import { RelayService } from './relay.ts';

export function create(core: NodeCore): RelayService {
  const { network, config, role, hooks, meter } = core;
  const { authority, credentials } = core.service('authorisation');
  const metrics = createRelayMetrics();
  hooks.onCopy = () => {
    metrics.copiesReceived += 1;
  };
  const { gossip } = network.services;
  const relay = new RelayService(
    { ...core, gossip, authorise: envelopeAuthoriser(authority), credentials, metrics },
    { config, role, data: config.data },
  );
  if (meter !== null) registerRelayMetrics(meter, relay, () => meshSizes(network));
  return relay;
}
