import type { KadDHT } from '@libp2p/kad-dht';
import { CID } from 'multiformats/cid';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import type { StorageService } from '../storage/service.ts';
import { BitswapServer } from './bitswap-server.ts';
import { Finder } from './finder.ts';
import type { PublicBlobs, PublicDag } from './interface.ts';
import { createIpfsMetrics, type IpfsGauges, type IpfsMetrics } from './metrics.ts';
import { ProviderAnnouncer } from './provider-announcer.ts';
import type { ProviderTable } from './provider-table.ts';

export interface IpfsServiceComponents {
  readonly network: Network;
  readonly storage: Pick<StorageService, 'publicBlocks' | 'blobs' | 'others'>;
  readonly namespaces: Pick<Namespaces, 'onChange'>;
  readonly providers: ProviderTable;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
}

/** A node's service for IPFS: gives its public blobs by bitswap, announces them, and finds those of others for its gateway. */
export class IpfsService implements PublicBlobs, IpfsGauges {
  readonly metrics: IpfsMetrics = createIpfsMetrics();
  readonly #components: IpfsServiceComponents;
  readonly #finder: Finder;
  /** Null where nothing is kept. */
  readonly #serving: { readonly bitswap: BitswapServer; readonly announcer: ProviderAnnouncer } | null;
  #stopping: AbortController | null = null;
  #endListening: (() => void) | null = null;

  /** `askAllMax`: up to so many other nodes all are asked for a blob. */
  constructor(components: IpfsServiceComponents, { askAllMax }: { readonly askAllMax: number }) {
    const { storage, crypto, network } = components;
    this.#components = components;
    this.#finder = new Finder(
      {
        crypto,
        metrics: this.metrics,
        own: () => storage.publicBlocks,
        others: storage.others,
        announcersOf: (cid, signal) => announcersOf(network.services.dht, cid, signal),
      },
      { askAllMax },
    );
    const blocks = storage.publicBlocks;
    this.#serving = blocks === null ? null : this.#makeServing(blocks, askAllMax);
  }

  get waiting(): number {
    return this.#serving?.bitswap.waiting ?? 0;
  }

  get announced(): number {
    return this.#serving?.announcer.size ?? 0;
  }

  get providers(): number {
    return this.#components.providers.size;
  }

  get announcesRefused(): number {
    return this.#components.providers.refused;
  }

  async start(): Promise<void> {
    if (this.#stopping !== null) return;
    this.#stopping = new AbortController();
    const serving = this.#serving;
    if (serving === null) return;
    this.#endListening = this.#components.namespaces.onChange(() => serving.announcer.lookAgain());
    await serving.bitswap.start();
    serving.announcer.start();
  }

  async stop(): Promise<void> {
    this.#endListening?.();
    this.#endListening = null;
    this.#stopping?.abort(new CodedError('not_running', 'this node is stopping'));
    this.#stopping = null;
    await this.#serving?.bitswap.stop();
    await this.#serving?.announcer.stop();
  }

  async find(cid: Uint8Array, signal: AbortSignal): Promise<PublicDag | null> {
    if (this.#stopping === null) throw new CodedError('not_running', 'this node is not running');
    return this.#finder.find(cid, AbortSignal.any([signal, this.#stopping.signal]));
  }

  #makeServing(blocks: NonNullable<StorageService['publicBlocks']>, askAllMax: number) {
    const { network, storage, clock, logger } = this.#components;
    const { metrics } = this;
    const bitswap = new BitswapServer({ network, blocks, clock, logger, metrics });
    const announcer = new ProviderAnnouncer({
      clock,
      logger,
      metrics,
      blocks,
      blobs: storage.blobs,
      isNeeded: () => storage.others.ids.length > askAllMax,
      announce: (cid, signal) => announce(network.services.dht, cid, signal),
    });
    return { bitswap, announcer };
  }
}

/** Rejects where no node took it. */
async function announce(dht: KadDHT, cid: Uint8Array, signal: AbortSignal): Promise<void> {
  let taken = 0;
  for await (const event of dht.provide(CID.decode(cid), { signal })) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') taken += 1;
  }
  if (taken === 0) throw new CodedError('no_peers', 'no node took the announcement');
}

async function* announcersOf(
  dht: KadDHT,
  cid: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  for await (const event of dht.findProviders(CID.decode(cid), { signal })) {
    if (event.name !== 'PROVIDER') continue;
    for (const { id } of event.providers) yield id.toString();
  }
}
