import type { NodeCore } from '../core/core.ts';
import { Directory } from './directory.ts';
import { registerDirectoryMetrics } from './metrics.ts';
import { sponsorshipOf } from './self.ts';

export function create(core: NodeCore): Directory {
  const { config, role, version, splitLoopback, operator, meter } = core;
  const { verifyOperator } = core.service('authorisation');
  const keeps = role === 'full' && config['storage.enabled'] && core.isOn('storage');
  // storage is made after the directory, which announces what it keeps
  const sponsorship = () => sponsorshipOf(role, operator, core.services.storage?.isReady ?? false);
  const directory = new Directory(
    { ...core, sponsorship, verifyOperator },
    {
      role,
      version,
      swarm: config.swarm,
      connectionsMax: config['connections.max'],
      storageBytes: keeps ? config['storage.capacityBytes'] : 0,
      max: config['directory.max'],
      perPrefix: config['directory.perPrefix'],
      target: config['connections.target'],
      splitLoopback,
    },
  );
  if (meter !== null) {
    registerDirectoryMetrics(meter, { metrics: directory.metrics, nodes: () => directory.nodes() });
  }
  return directory;
}
