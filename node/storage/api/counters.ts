import {
  createReconciliationMetrics,
  type ReconciliationMetrics,
} from '../../../protocols/reconciliation/index.ts';
import {
  createStorageMetrics,
  REQUESTS,
  type RequestType,
  type StorageMetrics,
} from '../../../protocols/storage/index.ts';

export type OperationKind = 'put' | 'get' | 'delete' | 'list';

/** Metrics of the storage service besides the protocol's. True counters: they only grow. */
export interface StorageServiceMetrics extends StorageMetrics {
  readonly reconciliation: ReconciliationMetrics;
  /** Requests of peers, by type. */
  readonly requests: Record<RequestType, number>;
  /** Requests among them refused for their number. */
  requestsLimited: number;
  /** Requests of this node's own clients that were done, and that failed. */
  readonly operationsOk: Record<OperationKind, number>;
  readonly operationsFailed: Record<OperationKind, number>;
  /** Rounds repeated because replicas named another replica-set id or were not synced. */
  replicaSetRetries: number;
  degradedReads: number;
  repairs: number;
  repairsDropped: number;
  /** Answers of replicas that were no record of what was asked for. */
  liesFound: number;
  partitionsSynced: number;
  partitionsDropped: number;
  recordsCopied: number;
  recordsExpired: number;
  tombstonesCollected: number;
}

function noOperations(): Record<OperationKind, number> {
  return { put: 0, get: 0, delete: 0, list: 0 };
}

export function createStorageServiceMetrics(): StorageServiceMetrics {
  const requests = Object.fromEntries(Object.keys(REQUESTS).map((type) => [type, 0]));
  return {
    ...createStorageMetrics(),
    reconciliation: createReconciliationMetrics(),
    requests: requests as Record<RequestType, number>,
    requestsLimited: 0,
    operationsOk: noOperations(),
    operationsFailed: noOperations(),
    replicaSetRetries: 0,
    degradedReads: 0,
    repairs: 0,
    repairsDropped: 0,
    liesFound: 0,
    partitionsSynced: 0,
    partitionsDropped: 0,
    recordsCopied: 0,
    recordsExpired: 0,
    tombstonesCollected: 0,
  };
}
