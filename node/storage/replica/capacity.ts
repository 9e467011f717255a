/** Bytes stored and still available at a node: records and blobs share the capacity. */
import type { Partitions } from '../../../protocols/storage/index.ts';
import type { BlobUsage } from '../../blobs/interface.ts';
import type { Config } from '../../config/schema.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { NamespaceRef, StorageStatus } from '../api/interface.ts';
import { NOTHING_KEPT } from '../api/nothing-kept.ts';
import type { LocalReplica } from './local-replica.ts';
import { quotaOf } from './quota.ts';

export interface RoomComponents {
  /** Null at a node that keeps nothing. */
  readonly keeper: Pick<LocalReplica, 'status' | 'blobQuotaOf'> | null;
  readonly partitions: Partitions;
  readonly termsOf: (namespace: NamespaceRef) => Terms;
}

/** Blob quota of a namespace at this node. A node that keeps nothing knows its policy, and not what its replicas hold already. */
export function blobQuotaOf(
  { keeper, partitions, termsOf }: RoomComponents,
  namespaceId: Uint8Array,
  config: Config,
): number {
  const kept = keeper?.blobQuotaOf(namespaceId) ?? null;
  if (kept !== null) return kept;
  const names = partitions.namesOf(namespaceId);
  return names === null ? config['storage.namespaceBytes'] : quotaOf(termsOf(names), config, () => 0).bytes;
}

/** Storage part of the node's status. */
export function usageOf(
  keeper: RoomComponents['keeper'],
  { blobs, bytes, uploads, availableBytes }: BlobUsage,
  config: Config,
): Omit<StorageStatus, 'members' | 'fellows' | 'replicas' | 'isReady'> {
  const kept = keeper?.status ?? NOTHING_KEPT;
  return {
    ...kept,
    blobs: { count: blobs, bytes },
    uploads,
    capacityBytes: keeper === null ? 0 : config['storage.capacityBytes'],
    usedBytes: kept.bytes + bytes,
    availableBytes: keeper === null ? availableBytes : Math.min(availableBytes, kept.freeBytes),
  };
}
