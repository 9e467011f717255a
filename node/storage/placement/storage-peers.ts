import type { Answers, RequestOf, RequestType } from '../../../protocols/storage/index.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { Members } from './members.ts';

export interface StoragePeersComponents {
  readonly members: Pick<Members, 'list' | 'isMember'>;
  readonly wire: Pick<RpcClient, 'isConnected' | 'request'>;
}

/** The nodes that store for the swarm, except this one. */
export class StoragePeers {
  readonly #components: StoragePeersComponents;
  readonly #self: string;

  constructor(components: StoragePeersComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
  }

  /** Those that are there. */
  get ids(): string[] {
    const { list } = this.#components.members;
    return list.filter(({ id, isLive }) => isLive && id !== this.#self).map(({ id }) => id);
  }

  isMember(id: string): boolean {
    return this.#components.members.isMember(id);
  }

  isConnected(id: string): boolean {
    return this.#components.wire.isConnected(id);
  }

  ask<T extends RequestType>(id: string, request: RequestOf<T>, signal: AbortSignal): Promise<Answers[T]> {
    return this.#components.wire.request(id, request, signal);
  }
}
