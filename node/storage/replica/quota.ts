import type { Config } from '../../config/schema.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { Quota } from '../store/interface.ts';

/** What a namespace may take here. Of a wallet: what its other namespaces leave of what it is promised. */
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
