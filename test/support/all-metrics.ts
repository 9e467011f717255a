import type { Registry } from 'prom-client';
import { registerGatewayMetrics, registerHttpMetrics } from '../../gateway/admin/gateway-metrics.ts';
import { createGatewayMetrics } from '../../gateway/observability/metrics.ts';
import { createBlobStoreMetrics } from '../../node/blobs/metrics.ts';
import { createDirectoryMetrics, registerDirectoryMetrics } from '../../node/directory/metrics.ts';
import { type IdentityGauges, registerIdentityMetrics } from '../../node/identity/metrics.ts';
import { createWalletMetrics } from '../../node/identity/wallets/metrics.ts';
import { Meter } from '../../node/index.ts';
import { createIpfsMetrics, type IpfsGauges, registerIpfsMetrics } from '../../node/ipfs/metrics.ts';
import { registerJoinMetrics } from '../../node/join/metrics.ts';
import {
  createNamespacesServiceMetrics,
  type NamespacesGauges,
  registerNamespacesMetrics,
} from '../../node/namespaces/metrics.ts';
import { registerNodeMetrics } from '../../node/node-metrics.ts';
import { DiskUsage } from '../../node/observability/disk-usage.ts';
import { registerLoopMetrics } from '../../node/observability/event-loop.ts';
import { EventLog } from '../../node/observability/events.ts';
import { registerProcessMetrics } from '../../node/observability/process-metrics.ts';
import { registerPeerMetrics } from '../../node/peers/metrics.ts';
import { registerRelayMetrics } from '../../node/relay/metrics.ts';
import { createStorageServiceMetrics } from '../../node/storage/api/counters.ts';
import type { StorageStatus } from '../../node/storage/api/interface.ts';
import { createMaintenanceMetrics } from '../../node/storage/maintenance/metrics.ts';
import { registerStorageMetrics } from '../../node/storage/metrics.ts';
import { createStoreMetrics } from '../../node/storage/store/metrics.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { createIdentityMetrics } from '../../protocols/identity/index.ts';
import { createJoinMetrics } from '../../protocols/join/index.ts';
import { createRelayMetrics } from '../../protocols/relay/index.ts';
import { silentLogger } from './silent-logger.ts';

export const NO_STORAGE: StorageStatus = {
  bytes: 0,
  records: 0,
  blobs: { count: 0, bytes: 0 },
  uploads: { count: 0, bytes: 0 },
  capacityBytes: 0,
  usedBytes: 0,
  availableBytes: 0,
  freeBytes: 0,
  members: 0,
  fellows: [],
  replicas: 3,
  partitions: { replica: 0, fallback: 0, unsynced: 0, underReplicated: 0, leaving: 0 },
  isReady: false,
  namespaces: [],
};

export const NO_NAMESPACES: NamespacesGauges = {
  metrics: createNamespacesServiceMetrics(),
  counts: { policies: 0, revocations: 0, sponsorships: 0, bytes: 0 },
};

export const NO_IDENTITY: IdentityGauges = {
  metrics: createIdentityMetrics(),
  wallets: { metrics: createWalletMetrics(), implementation: null },
};

export const NO_IPFS: IpfsGauges = {
  metrics: createIpfsMetrics(),
  waiting: 0,
  providers: 0,
  announcesRefused: 0,
  announced: 0,
};

/** Registers every metric of Maillon's own. Returns what ends the measuring. */
export function registerAllMetrics(registry: Registry): () => void {
  const meter = new Meter(registry);
  const relay = {
    metrics: createRelayMetrics(),
    waiting: 0,
    subscriptionCount: 0,
    publishQueueBytes: 0,
  };
  registerNodeMetrics(meter, { version: '0', role: 'full', startedAt: 0 });
  registerPeerMetrics(meter, { getConnections: () => [] });
  registerRelayMetrics(meter, relay, () => [0]);
  registerDirectoryMetrics(meter, { metrics: createDirectoryMetrics(), nodes: () => [] });
  registerIpfsMetrics(meter, NO_IPFS);
  registerStorageMetrics(meter, {
    metrics: createStorageServiceMetrics(),
    status: () => NO_STORAGE,
    store: { metrics: createStoreMetrics(), waiting: 0 },
    blobs: {
      metrics: createBlobStoreMetrics(),
      usage: () => ({
        bytes: 0,
        blocks: 0,
        blobs: 0,
        freeBytes: 0,
        availableBytes: 0,
        uploads: { count: 0, bytes: 0 },
      }),
    },
    maintenance: { metrics: createMaintenanceMetrics(), scrubAgeSeconds: null },
  });
  registerNamespacesMetrics(meter, NO_NAMESPACES);
  registerIdentityMetrics(meter, NO_IDENTITY);
  registerJoinMetrics(meter, { metrics: createJoinMetrics(), endsAt: null });
  registerGatewayMetrics(meter, createGatewayMetrics());
  registerHttpMetrics(meter);
  new DiskUsage({ clock: systemClock }, { directory: '.' }).register(meter);
  new EventLog({ logger: silentLogger(), clock: systemClock }).register(meter);
  const ends = [registerProcessMetrics(meter), registerLoopMetrics(meter)];
  return () => {
    for (const end of ends) end();
    meter.release();
  };
}
