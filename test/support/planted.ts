import { createReconciliationMetrics, OrderedSet, respond } from '../../protocols/reconciliation/index.ts';
import {
  type Answers,
  itemIdOf,
  RECONCILE_MESSAGE_MAX_BYTES,
  type RequestType,
  type Standing,
  type StorageRequest,
  type VersionItem,
} from '../../protocols/storage/index.ts';
import { crypto } from './store-records.ts';

/** Entries a replica claims to hold of a partition, to any peer; they need not be signed by anybody. */
export class Planted {
  readonly #set = new OrderedSet({ crypto });
  readonly #entries = new Map<string, VersionItem>();

  constructor(entries: readonly VersionItem[]) {
    for (const entry of entries) {
      const id = itemIdOf(crypto, Buffer.from(entry.key), entry.digest);
      this.#set.insert({ timestamp: 0, id });
      this.#entries.set(Buffer.from(id).toString('hex'), entry);
    }
  }

  /** Null where something else is asked. */
  answer(request: StorageRequest, standing: Standing): Answers[RequestType] | null {
    if (request.type === 'entries') {
      return { entries: request.ids.map((id) => this.#entries.get(Buffer.from(id).toString('hex')) ?? null) };
    }
    if (request.type !== 'reconcile') return null;
    const components = { set: this.#set, metrics: createReconciliationMetrics() };
    return {
      ...standing,
      message: respond(components, request.message, { maxBytes: RECONCILE_MESSAGE_MAX_BYTES }),
    };
  }
}
