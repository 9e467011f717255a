import { z } from 'zod';
import { bytes, type Setting } from './setting.ts';

/** The operator's promise to wallets that sign in at its gateways. */
export const WALLET_SETTINGS = [
  {
    path: 'wallets.promise',
    schema: z.enum(['durable', 'day']),
    default: 'durable',
    help: "The promise to wallets that sign in by message about the data they store. durable: this operator's nodes keep it until it expires or is deleted; only a machine that holds the operator's key can promise that, an invited one keeps it for a day. day: nothing that lasts; it is kept for a day at most. Data stored before keeps its promise. Wallets that sign a bare nonce store in the operator's own namespaces, durably in both cases.",
  },
  {
    path: 'wallets.bytesEach',
    schema: bytes,
    default: 10 * 2 ** 20,
    unit: 'bytes',
    help: 'Most that one wallet may store durably at each of these nodes, in all its namespaces together. Small, since wallets are free: whoever needs more is listed in storage.sponsored.',
  },
  {
    path: 'wallets.bytesTotal',
    schema: z
      .int()
      .min(0)
      .max(2 ** 40),
    default: 0,
    unit: 'bytes',
    help: 'Most that all wallets are promised together. One more wallet is promised room only while bytesEach for each fits, so that no promise depends on what others store. 0: half of storage.capacityBytes.',
  },
] as const satisfies readonly Setting[];
