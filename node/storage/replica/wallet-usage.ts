import { bytesKey } from '../../../protocols/common/bytes.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { Terms } from '../../identity/tenancy.ts';
import type { NamespaceRef, WalletShare } from '../api/interface.ts';
import type { RecordStore } from '../store/interface.ts';

export interface WalletUsageComponents {
  readonly store: Pick<RecordStore, 'namespaces' | 'totals'>;
  readonly blobs: Pick<LocalBlobs, 'namespaceBytes'>;
  readonly termsOf: (namespace: NamespaceRef) => Pick<Terms, 'wallet'>;
}

/** Namespaces read at a time. */
const PAGE = 1000;

/** Counts the bytes and keys of each wallet at this node, in all its namespaces together. */
export class WalletUsage {
  readonly #components: WalletUsageComponents;
  /**
   * Ids of each wallet's namespaces, by text; null until they are read. As many as the store has of wallets: those that are gone are dropped when
   * they are counted.
   */
  #byWallet: Map<string, Map<string, Uint8Array>> | null = null;

  constructor(components: WalletUsageComponents) {
    this.#components = components;
  }

  /** Bytes of a wallet's namespaces other than this one, in which a record or blob is about to be stored. */
  bytesBeside(wallet: string, namespaceId: Uint8Array): number {
    const known = this.#known();
    const ids = known.get(wallet) ?? new Map<string, Uint8Array>();
    const own = bytesKey(namespaceId);
    let bytes = 0;
    for (const [key, id] of ids) if (key !== own) bytes += this.#count(ids, key, id).bytes;
    // a view would keep all that it is a view of
    if (!ids.has(own)) ids.set(own, namespaceId.slice());
    known.set(wallet, ids);
    return bytes;
  }

  all(): readonly WalletShare[] {
    const known = this.#known();
    return [...known].flatMap(([wallet, ids]): WalletShare[] => {
      const counts = [...ids].map(([key, id]) => this.#count(ids, key, id));
      if (ids.size > 0) {
        const keys = counts.reduce((sum, count) => sum + count.keys, 0);
        const bytes = counts.reduce((sum, count) => sum + count.bytes, 0);
        return [{ wallet, namespaces: ids.size, keys, bytes }];
      }
      known.delete(wallet);
      return [];
    });
  }

  #count(ids: Map<string, Uint8Array>, key: string, id: Uint8Array): { keys: number; bytes: number } {
    const totals = this.#components.store.totals(id);
    const blobBytes = this.#components.blobs.namespaceBytes(id);
    if (totals === null && blobBytes === 0) ids.delete(key);
    return { keys: totals?.keys ?? 0, bytes: (totals?.bytes ?? 0) + blobBytes };
  }

  #known(): Map<string, Map<string, Uint8Array>> {
    if (this.#byWallet !== null) return this.#byWallet;
    const { store, termsOf } = this.#components;
    const byWallet = new Map<string, Map<string, Uint8Array>>();
    for (let after: Uint8Array | null = null; ; ) {
      const { namespaces, isEnd } = store.namespaces({ after, limit: PAGE });
      for (const { owner, namespace, namespaceId } of namespaces) {
        const { wallet } = termsOf({ owner, namespace });
        if (wallet === null) continue;
        const ids = byWallet.get(wallet) ?? new Map<string, Uint8Array>();
        byWallet.set(wallet, ids.set(bytesKey(namespaceId), namespaceId));
      }
      after = namespaces.at(-1)?.namespaceId ?? null;
      if (isEnd || after === null) break;
    }
    this.#byWallet = byWallet;
    return byWallet;
  }
}
