import type { IPFS_SETTINGS } from '../config/settings/ipfs.ts';
import type { NodeCore } from '../core/core.ts';
import type { ValuesOf } from '../core/feature.ts';
import { registerIpfsMetrics } from './metrics.ts';
import { ProviderTable } from './provider-table.ts';
import { IpfsService } from './service.ts';

export function create(core: NodeCore, settings: ValuesOf<typeof IPFS_SETTINGS>): IpfsService {
  const { hooks, clock, meter } = core;
  const storage = core.service('storage');
  const { namespaces } = core.service('authorisation');
  const providers = new ProviderTable({ clock, isMember: (peer) => storage.others.isMember(peer) });
  hooks.keepProviders(providers);
  const ipfs = new IpfsService(
    { ...core, storage, namespaces, providers },
    { askAllMax: settings['ipfs.askAllMax'] },
  );
  if (meter !== null) registerIpfsMetrics(meter, ipfs);
  return ipfs;
}
