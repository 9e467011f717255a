import type { NodeCore } from '../core/core.ts';
import { registerJoinMetrics } from './metrics.ts';
import { Joining } from './service.ts';

export function create(core: NodeCore): Joining {
  const { config, membership, meter } = core;
  const { namespaces, verifier } = core.service('authorisation');
  const directory = core.service('directory');
  const members = new Joining(
    { ...core, namespaces, verifier, nodes: () => directory.nodes() },
    { config, membership },
  );
  if (meter !== null) registerJoinMetrics(meter, members);
  return members;
}
