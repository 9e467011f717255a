import type { Config } from '../../config/schema.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { Quota } from '../store/interface.ts';

/** Quota of a namespace at this node. For a wallet: its promised quota minus the use of its other namespaces. */
export function quotaOf(
  { quotaBytes, quotaKeys, isSponsored, wallet }: Terms,
  config: Config,
  bytesBeside: (wallet: string) => number,
): Quota {
  const share =
    wallet === null || !isSponsored ? Infinity : config['wallets.bytesEach'] - bytesBeside(wallet);
  return {
    bytes: Math.min(quotaBytes ?? Infinity, config['storage.namespaceBytes'], share),
    keys: Math.min(quotaKeys ?? Infinity, config['storage.namespaceKeys']),
    isSponsored,
  };
}
