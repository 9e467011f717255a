import type { Clock } from '../../protocols/common/clock.ts';
import type { BlobHome } from '../blobs/home.ts';
import type { Terms } from '../identity/tenancy.ts';
import type { NamespaceRef, WalletShare } from './interface.ts';
import { WALLET_USAGE_AGE_MS } from './limits.ts';
import type { RecordStore } from './store/interface.ts';

export interface WalletUsageComponents {
  readonly clock: Clock;
  readonly store: Pick<RecordStore, 'namespaces'>;
  readonly blobs: Pick<BlobHome, 'namespaceBytes'>;
  readonly termsOf: (namespace: NamespaceRef) => Pick<Terms, 'wallet'>;
}

interface Namespace extends NamespaceRef {
  readonly namespaceId: Uint8Array;
  readonly keys: number;
  readonly bytes: number;
}

/** Namespaces read at a time. */
const PAGE = 1000;

/** What each wallet takes of this node, in all its namespaces together: as of a second ago at most. */
export class WalletUsage {
  readonly #components: WalletUsageComponents;
  #byWallet: ReadonlyMap<string, readonly Namespace[]> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(components: WalletUsageComponents) {
    this.#components = components;
  }

  /** What a wallet takes in others than this namespace of its. */
  bytesBeside(wallet: string, { owner, namespace }: NamespaceRef): number {
    const others = this.#read()
      .get(wallet)
      ?.filter((one) => one.owner !== owner || one.namespace !== namespace);
    return this.#bytesOf(others ?? []);
  }

  all(): readonly WalletShare[] {
    return [...this.#read()].map(([wallet, namespaces]) => ({
      wallet,
      namespaces: namespaces.length,
      keys: namespaces.reduce((sum, { keys }) => sum + keys, 0),
      bytes: this.#bytesOf(namespaces),
    }));
  }

  #bytesOf(namespaces: readonly Namespace[]): number {
    const { blobs } = this.#components;
    return namespaces.reduce(
      (sum, { bytes, namespaceId }) => sum + bytes + blobs.namespaceBytes(namespaceId),
      0,
    );
  }

  #read(): ReadonlyMap<string, readonly Namespace[]> {
    const { clock, store, termsOf } = this.#components;
    const now = clock.now();
    // a clock that was put back counts as time that went by
    if (now >= this.#readAt && now - this.#readAt < WALLET_USAGE_AGE_MS) return this.#byWallet;
    const byWallet = new Map<string, Namespace[]>();
    for (let after: Uint8Array | null = null; ; ) {
      const { namespaces, isEnd } = store.namespaces({ after, limit: PAGE });
      for (const one of namespaces) {
        const { wallet } = termsOf(one);
        if (wallet === null) continue;
        const { namespaceId, owner, namespace, keys, bytes } = one;
        byWallet.set(wallet, [
          ...(byWallet.get(wallet) ?? []),
          { namespaceId, owner, namespace, keys, bytes },
        ]);
      }
      after = namespaces.at(-1)?.namespaceId ?? null;
      if (isEnd || after === null) break;
    }
    this.#byWallet = byWallet;
    this.#readAt = now;
    return byWallet;
  }
}
