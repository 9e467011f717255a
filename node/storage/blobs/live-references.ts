import type { Clock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { compareRecords, partitionOf } from '../../../protocols/storage/index.ts';
import type { Reference } from '../../blobs/interface.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import type { RecordStore } from '../store/interface.ts';

export interface LiveReferencesComponents {
  readonly store: Pick<RecordStore, 'head' | 'get'>;
  readonly states: Pick<PartitionStates, 'isWithheld'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
}

/** Says of references to blobs whether exactly that record is held, and is not over. The references themselves go some time after their record. */
export function liveReferences({
  store,
  states,
  crypto,
  clock,
}: LiveReferencesComponents): (reference: Reference) => boolean {
  return ({ namespaceId, key, stamp }) => {
    const partition = { namespaceId, partition: partitionOf(crypto, key) };
    // it may have been deleted while this node was away, or since the backup
    if (states.isWithheld(partition)) return false;
    const head = store.head(partition, key);
    // what replaced it may be large: it need not be opened
    if (head === null || compareRecords(head, stamp) !== 0) return false;
    try {
      const held = store.get(partition, key, clock.now());
      return held !== null && 'record' in held;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'corrupt') return false;
      throw error;
    }
  };
}
