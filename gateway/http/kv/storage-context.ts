import type { Context } from '../core/context.ts';
import type { Hold } from '../core/held-bodies.ts';
import type { Transfers } from '../core/transfers.ts';

/** Context shared by all routes that transfer values. */
export interface StorageContext extends Pick<Context, 'storage' | 'config'> {
  /** Counts a value against what may be on its way. */
  readonly holdValue: Hold;
  /** For large values. */
  readonly transfers: Transfers;
}
