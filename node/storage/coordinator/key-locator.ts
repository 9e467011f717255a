import type { BlobLink } from '../../../protocols/blobs/index.ts';
import { blobOf, formatEtag, isValueKind, type PartitionId } from '../../../protocols/storage/index.ts';
import type { Holder, Where } from '../api/interface.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { Deadline } from '../rpc/deadline.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { RecordReader } from './record-reader.ts';

export interface KeyLocatorComponents {
  readonly places: ReplicaPlacement;
  readonly reader: RecordReader;
  readonly ask: RequestPeer;
}

/** Finds the holders of a key: its replicas, fallback replicas, and the state of each. */
export class KeyLocator {
  readonly #components: KeyLocatorComponents;
  readonly #wanted: number;

  constructor(components: KeyLocatorComponents, init: { readonly replicas: number }) {
    this.#components = components;
    this.#wanted = init.replicas;
  }

  async find(partition: PartitionId, key: string, deadline: Deadline): Promise<Where> {
    const { places } = this.#components;
    const place = places.of(partition);
    const replicaSet = place.replicas.map(({ id, isLive }) => ({ id, isLive, role: 'replica' as const }));
    const fallbacks = places.fallbacks(place).map(({ id, isLive }) => {
      return { id, isLive, role: 'fallback' as const };
    });
    const holders = [...replicaSet, ...fallbacks].map((one) => this.#ask(one, partition, key, deadline));
    const { isSponsored } = place;
    return {
      partition: partition.partition,
      wanted: this.#wanted,
      isSponsored,
      holders: await Promise.all(holders),
    };
  }

  async #ask(
    holder: Pick<Holder, 'id' | 'isLive' | 'role'>,
    partition: PartitionId,
    key: string,
    deadline: Deadline,
  ): Promise<Holder> {
    const nothing = { etag: null, isTombstone: false, expiresAt: null, isWhole: null };
    const silent = { ...holder, isSynced: null, ...nothing };
    if (!holder.isLive) return silent;
    const copy = await this.#components.reader
      .ask(holder.id, partition, key, deadline.signal)
      .catch(() => null);
    if (copy === null) return silent;
    const { isSynced, stamp, record, expiry: expiresAt } = copy;
    const isTombstone = stamp !== null && (record === null || !isValueKind(record.kind));
    const link = record === null ? null : blobOf(record);
    const isWhole = link === null ? null : await this.#isWhole(holder.id, link, deadline.signal);
    const etag = stamp === null ? null : formatEtag(stamp);
    return { ...holder, isSynced, etag, isTombstone, expiresAt, isWhole };
  }

  async #isWhole(id: string, { cid }: BlobLink, signal: AbortSignal): Promise<boolean | null> {
    try {
      return (await this.#components.ask<'blob'>(id, { type: 'blob', cid }, signal)).isWhole;
    } catch {
      return null;
    }
  }
}
