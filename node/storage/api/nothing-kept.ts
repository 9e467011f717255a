import type { StorageStatus } from './interface.ts';

export type KeptStatus = Pick<StorageStatus, 'bytes' | 'records' | 'freeBytes' | 'partitions' | 'namespaces'>;

export const NO_SHARES: StorageStatus['partitions'] = {
  replica: 0,
  fallback: 0,
  unsynced: 0,
  underReplicated: 0,
  leaving: 0,
};

/** The status of a node that is no replica. */
export const NOTHING_KEPT: KeptStatus = {
  bytes: 0,
  records: 0,
  freeBytes: 0,
  partitions: NO_SHARES,
  namespaces: [],
};
