/** What a node stores and may still store: records and blobs share its room. */
import type { Partitions } from '../../../protocols/storage/index.ts';
import type { BlobUsage } from '../../blobs/interface.ts';
import type { Config } from '../../config/schema.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { NamespaceRef, StorageStatus } from '../api/interface.ts';
import { NOTHING_KEPT } from '../api/nothing-kept.ts';
import type { Keeper } from './local-replica.ts';
import { quotaOf } from './quota.ts';

export interface RoomComponents {
  /** Null at a node that keeps nothing. */
  readonly keeper: Pick<Keeper, 'status' | 'blobQuotaOf'> | null;
  readonly partitions: Partitions;
  readonly termsOf: (namespace: NamespaceRef) => Terms;
}

/** What a namespace may have in blobs here. A node that keeps nothing knows its policy, and not what its replicas hold already. */
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

/** What the status of a node says of its store. */
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
