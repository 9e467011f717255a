import type { Connection, PeerId } from '@libp2p/interface';
import type { Clock } from '../protocols/common/clock.ts';
import type { RelayMetrics } from '../protocols/relay/index.ts';
import type { Role } from './config/role.ts';
import type { NodeView } from './directory/interface.ts';
import { type DirectoryMetrics, registerDirectoryMetrics } from './directory/metrics.ts';
import { type IdentityGauges, registerIdentityMetrics } from './identity/metrics.ts';
import type { NodeStatus, StorageSummary } from './interface.ts';
import { type IpfsGauges, registerIpfsMetrics } from './ipfs/metrics.ts';
import { type JoinGauges, registerJoinMetrics } from './join/metrics.ts';
import { type NamespacesGauges, registerNamespacesMetrics } from './namespaces/metrics.ts';
import { registerNodeMetrics } from './node-metrics.ts';
import { type CountedFolder, DiskUsage } from './observability/disk-usage.ts';
import { LOOP_MONITOR, LoopMonitor, registerLoopMetrics } from './observability/event-loop.ts';
import type { EventLog } from './observability/events.ts';
import type { Meter } from './observability/meter.ts';
import { registerProcessMetrics } from './observability/process-metrics.ts';
import { registerPeerMetrics } from './peers/metrics.ts';
import { type RelayGauges, registerRelayMetrics } from './relay/metrics.ts';
import type { StorageStatus } from './storage/api/interface.ts';
import { registerStorageMetrics, type StorageGauges } from './storage/metrics.ts';

/** What is watched of a network. */
interface WatchedNetwork {
  getConnections(): Connection[];
  addEventListener(type: 'peer:connect' | 'peer:disconnect', listener: (event: PeerEvent) => void): void;
  removeEventListener(type: 'peer:connect' | 'peer:disconnect', listener: (event: PeerEvent) => void): void;
}
type PeerEvent = CustomEvent<PeerId>;

export interface SightComponents {
  readonly events: EventLog;
  readonly clock: Clock;
  readonly network: WatchedNetwork;
  readonly relay: RelayGauges & { readonly diskFault: string | null };
  readonly meshSizes: () => number[];
  readonly directory: { readonly metrics: DirectoryMetrics };
  readonly nodes: () => readonly NodeView[];
  /** DID of this node's operator. */
  readonly operator: string;
  readonly storage: StorageGauges;
  readonly ipfs: IpfsGauges;
  readonly identity: IdentityGauges;
  readonly joining: JoinGauges;
  readonly namespaces: NamespacesGauges;
  /** Null when nobody scrapes. */
  readonly meter: Meter | null;
}

export interface SightInit {
  readonly data: string;
  readonly version: string;
  readonly role: Role;
  readonly startedAt: number;
}

/** How often faults that show in a number only are looked for. */
const WATCH_INTERVAL_MS = 5000;

/** What a node knows of its own state: reports events, registers metrics, and tells what its status adds. */
export class Sight {
  readonly #components: SightComponents;
  readonly #init: SightInit;
  readonly #loop: LoopMonitor;
  readonly #disk: DiskUsage;
  #timer: NodeJS.Timeout | null = null;
  #ends: (() => void)[] = [];
  #overloaded = 0;
  #diskFault: string | null = null;
  readonly #onConnect = ({ detail }: PeerEvent): void => {
    this.#components.events.report('peer_connected', { peer: detail.toString() });
  };
  readonly #onDisconnect = ({ detail }: PeerEvent): void => {
    this.#components.events.report('peer_disconnected', { peer: detail.toString() });
  };

  constructor(components: SightComponents, init: SightInit) {
    this.#components = components;
    this.#init = init;
    this.#loop = new LoopMonitor({ events: components.events }, LOOP_MONITOR);
    this.#disk = new DiskUsage(
      { clock: components.clock },
      { directory: init.data, counted: blocksOf(components) },
    );
  }

  start(): void {
    if (this.#timer !== null) return;
    const { network } = this.#components;
    network.addEventListener('peer:connect', this.#onConnect);
    network.addEventListener('peer:disconnect', this.#onDisconnect);
    this.#register();
    this.#loop.start();
    void this.#disk.read();
    this.#timer = setInterval(() => this.#watch(), WATCH_INTERVAL_MS).unref();
  }

  stop(): void {
    this.#components.meter?.release();
    for (const end of this.#ends.splice(0)) end();
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#loop.stop();
    const { network } = this.#components;
    network.removeEventListener('peer:connect', this.#onConnect);
    network.removeEventListener('peer:disconnect', this.#onDisconnect);
  }

  /** What a node's status says beside its network and its relay. */
  get status(): Pick<NodeStatus, 'eventLoop' | 'memory' | 'disk' | 'storage' | 'directory'> {
    const { rss, heapUsed } = process.memoryUsage();
    const { dataBytes, freeBytes } = this.#disk.latest;
    const others = this.#components.nodes().filter(({ isSelf }) => !isSelf);
    const own = this.#components.operator;
    return {
      eventLoop: this.#loop.reading,
      memory: { rssBytes: rss, heapBytes: heapUsed },
      disk: { dataBytes, freeBytes },
      storage: summaryOf(this.#components.storage.status()),
      directory: {
        nodes: others.length,
        direct: others.filter(({ reach }) => reach === 'direct').length,
        relayed: others.filter(({ reach }) => reach === 'relayed').length,
        owners: others.filter(({ operator }) => operator !== '' && operator !== own).length,
      },
    };
  }

  #register(): void {
    const { meter, events, relay, network, directory, storage, identity, namespaces } = this.#components;
    const { meshSizes, nodes, ipfs, joining } = this.#components;
    if (meter === null) return;
    registerNodeMetrics(meter, this.#init);
    registerPeerMetrics(meter, network);
    registerRelayMetrics(meter, relay, meshSizes);
    registerDirectoryMetrics(meter, { metrics: directory.metrics, nodes });
    registerStorageMetrics(meter, storage);
    registerIpfsMetrics(meter, ipfs);
    registerIdentityMetrics(meter, identity);
    registerJoinMetrics(meter, joining);
    registerNamespacesMetrics(meter, namespaces);
    this.#disk.register(meter);
    events.register(meter);
    this.#ends.push(registerProcessMetrics(meter), registerLoopMetrics(meter));
  }

  /** An overload is a number that grew, a disk fault a state that began. */
  #watch(): void {
    const { events, relay } = this.#components;
    const { overloaded }: RelayMetrics['refused'] = relay.metrics.refused;
    if (overloaded > this.#overloaded) {
      events.report('relay_overloaded', { envelopes: overloaded - this.#overloaded });
    }
    this.#overloaded = overloaded;
    const { diskFault } = relay;
    if (diskFault !== null && this.#diskFault === null) events.report('disk_failed', { reason: diskFault });
    this.#diskFault = diskFault;
  }
}

/** Blocks of blobs are a file each, which the catalogue counts. */
function blocksOf({ storage }: Pick<SightComponents, 'storage'>): CountedFolder {
  return { path: 'storage/blobs/blocks', bytes: () => storage.blobs?.usage().bytes ?? 0 };
}

function summaryOf({
  records,
  blobs,
  uploads,
  capacityBytes,
  usedBytes,
  availableBytes,
}: StorageStatus): StorageSummary {
  return { records, blobs, uploads, capacityBytes, usedBytes, availableBytes };
}
