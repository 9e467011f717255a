/** Messages to and from the process that inspects a store. */

import type { StorageKey } from '../../disk/sealing.ts';
import type { PartitionPlace } from '../store/interface.ts';

export interface InspectorInit {
  /** Database file. */
  readonly path: string;
  readonly key: StorageKey;
  /** The catalogue of blobs, where there is one: its file is looked at as a whole. */
  readonly catalogue: string | null;
  readonly swarm: string;
  readonly bytesPerSecond: number;
  /** The last row that was read before. */
  readonly after: number;
}

export type Finding =
  /** So many rows more, up to this one. */
  | { readonly kind: 'read'; readonly records: number; readonly bytes: number; readonly position: number }
  | { readonly kind: 'broken'; readonly place: PartitionPlace; readonly key: string }
  /** No single record can be blamed for it. */
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'damagedCatalogue'; readonly reason: string }
  | { readonly kind: 'end' };
