import type { ReconciliationMetrics } from '../../protocols/reconciliation/index.ts';
import { type BlobGauges, registerBlobMetrics } from '../blobs/metrics.ts';
import type { Meter } from '../observability/meter.ts';
import type { StorageServiceMetrics } from './api/counters.ts';
import type { StorageStatus } from './api/interface.ts';
import { type MaintenanceGauges, registerMaintenanceMetrics } from './maintenance/metrics.ts';
import { registerStoreMetrics, type StoreGauges } from './store/metrics.ts';

/** Sources of the storage metrics. */
export interface StorageGauges {
  readonly metrics: StorageServiceMetrics;
  readonly status: () => StorageStatus;
  /** Null at a node that stores nothing. */
  readonly store: StoreGauges | null;
  /** Null at a node that stores nothing. */
  readonly blobs: BlobGauges | null;
  /** Null at a node that stores nothing. */
  readonly maintenance: MaintenanceGauges | null;
}

/** Registers what storage counts, and what this node holds. */
export function registerStorageMetrics(meter: Meter, storage: StorageGauges): void {
  registerCounters(meter, storage.metrics);
  if (storage.store !== null) registerStoreMetrics(meter, storage.store);
  if (storage.blobs !== null) registerBlobMetrics(meter, storage.blobs);
  if (storage.maintenance !== null) registerMaintenanceMetrics(meter, storage.maintenance);
  const gauge = (name: string, help: string, read: (status: StorageStatus) => number): void =>
    meter.gauge(`maillon_storage_${name}`, help, () => read(storage.status()));
  gauge('used_bytes', 'Bytes kept for the swarm: records and blobs.', ({ usedBytes }) => usedBytes);
  gauge('available_bytes', 'Bytes that may still come.', ({ availableBytes }) => availableBytes);
  gauge('record_bytes', 'Bytes of records kept for the swarm.', ({ bytes }) => bytes);
  gauge('capacity_bytes', 'Bytes offered to the swarm.', ({ capacityBytes }) => capacityBytes);
  gauge('records', 'Records kept for the swarm.', ({ records }) => records);
  gauge('member_nodes', 'Nodes that keep records, whoever runs them.', ({ members }) => members);
  meter.gauges('maillon_storage_partitions', 'Partitions kept, by what this node is to them.', 'kind', () => {
    const { replica, fallback, unsynced, underReplicated, leaving } = storage.status().partitions;
    return [
      ['replica', replica],
      ['fallback', fallback],
      ['unsynced', unsynced],
      ['under_replicated', underReplicated],
      ['leaving', leaving],
    ];
  });
}

function registerCounters(meter: Meter, metrics: StorageServiceMetrics): void {
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_storage_${what}_total`, help, read);
  meter.counters('maillon_storage_operations_total', 'Requests of own clients that were done.', 'kind', () =>
    Object.entries(metrics.operationsOk),
  );
  meter.counters(
    'maillon_storage_operations_failed_total',
    'Requests of own clients that failed.',
    'kind',
    () => Object.entries(metrics.operationsFailed),
  );
  meter.counters('maillon_storage_requests_total', 'Requests of peers.', 'kind', () =>
    Object.entries(metrics.requests),
  );
  meter.counters('maillon_storage_refused_total', 'Records and frames not taken, by reason.', 'code', () =>
    Object.entries(metrics.refused),
  );
  registerReconciliation(meter, metrics.reconciliation);
  count('requests_limited', 'Requests of peers that asked too much.', () => metrics.requestsLimited);
  count('records_accepted', 'Records of peers found good.', () => metrics.recordsAccepted);
  count('records_verified', 'Signatures of records verified.', () => metrics.recordsVerified);
  count('accepted_bytes', 'Bytes of records found good.', () => metrics.bytesAccepted);
  count('replica_set_retries', 'Rounds repeated since replicas did not agree on the replica set.', () => {
    return metrics.replicaSetRetries;
  });
  count('degraded_reads', 'Reads for which no majority could be asked.', () => metrics.degradedReads);
  count('repairs', 'Stale or damaged copies that were repaired.', () => metrics.repairs);
  count('repairs_dropped', 'Repairs given up: too many waited.', () => metrics.repairsDropped);
  count('lies', 'Answers of replicas that were not what was asked for.', () => metrics.liesFound);
  count('partitions_synced', 'Partitions reconciled with their replicas.', () => metrics.partitionsSynced);
  count('partitions_dropped', 'Partitions given up to their replicas.', () => metrics.partitionsDropped);
  count('records_copied', 'Records taken over from other replicas.', () => metrics.recordsCopied);
  count('records_expired', 'Records removed since they had expired.', () => metrics.recordsExpired);
  count('tombstones_collected', 'Tombstones removed at the end of their life.', () => {
    return metrics.tombstonesCollected;
  });
}

function registerReconciliation(meter: Meter, metrics: ReconciliationMetrics): void {
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_reconciliation_${what}_total`, help, read);
  count('sessions', 'Reconciliations of a partition begun here.', () => metrics.sessions);
  count('messages_sent', 'Messages of reconciliations sent.', () => metrics.messagesSent);
  count('messages_received', 'Messages of reconciliations received.', () => metrics.messagesReceived);
  count('sent_bytes', 'Bytes of messages of reconciliations sent.', () => metrics.bytesSent);
  count('received_bytes', 'Bytes of messages of reconciliations received.', () => metrics.bytesReceived);
  meter.counters(
    'maillon_reconciliation_refused_total',
    'Messages of reconciliations not taken, by reason.',
    'code',
    () => Object.entries(metrics.refused),
  );
}
