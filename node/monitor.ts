import type { Connection, PeerId } from '@libp2p/interface';
import type { TimerClock } from '../protocols/common/clock.ts';
import type { Role } from './config/role.ts';
import type { NodeStatus } from './interface.ts';
import { registerNodeMetrics } from './node-metrics.ts';
import { type CountedFolder, DiskUsage } from './observability/disk-usage.ts';
import { LOOP_MONITOR, LoopMonitor, registerLoopMetrics } from './observability/event-loop.ts';
import type { EventLog } from './observability/events.ts';
import type { Meter } from './observability/meter.ts';
import { registerProcessMetrics } from './observability/process-metrics.ts';

/** The observed part of a network. */
interface WatchedNetwork {
  getConnections(): Connection[];
  addEventListener(type: 'peer:connect' | 'peer:disconnect', listener: (event: PeerEvent) => void): void;
  removeEventListener(type: 'peer:connect' | 'peer:disconnect', listener: (event: PeerEvent) => void): void;
}
type PeerEvent = CustomEvent<PeerId>;

export interface NodeMonitorComponents {
  readonly events: EventLog;
  readonly clock: TimerClock;
  readonly network: WatchedNetwork;
  /** Null when nobody scrapes. */
  readonly meter: Meter | null;
  /** A folder of the data directory of so many files that who writes them counts them. */
  readonly counted: CountedFolder;
}

export interface NodeMonitorInit {
  readonly data: string;
  readonly version: string;
  readonly role: Role;
  readonly startedAt: number;
}

/** Watches the process of a node: event loop, memory, disk and connections. Features register their own metrics. */
export class NodeMonitor {
  readonly #components: NodeMonitorComponents;
  readonly #init: NodeMonitorInit;
  readonly #loop: LoopMonitor;
  readonly #disk: DiskUsage;
  #isRunning = false;
  #ends: (() => void)[] = [];
  readonly #onConnect = ({ detail }: PeerEvent): void => {
    this.#components.events.report('peer_connected', { peer: detail.toString() });
  };
  readonly #onDisconnect = ({ detail }: PeerEvent): void => {
    this.#components.events.report('peer_disconnected', { peer: detail.toString() });
  };

  constructor(components: NodeMonitorComponents, init: NodeMonitorInit) {
    this.#components = components;
    this.#init = init;
    this.#loop = new LoopMonitor({ events: components.events }, LOOP_MONITOR);
    this.#disk = new DiskUsage(
      { clock: components.clock },
      { directory: init.data, counted: components.counted },
    );
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { network } = this.#components;
    network.addEventListener('peer:connect', this.#onConnect);
    network.addEventListener('peer:disconnect', this.#onDisconnect);
    this.#register();
    this.#loop.start();
    void this.#disk.read();
  }

  stop(): void {
    this.#components.meter?.release();
    for (const end of this.#ends.splice(0)) end();
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#loop.stop();
    const { network } = this.#components;
    network.removeEventListener('peer:connect', this.#onConnect);
    network.removeEventListener('peer:disconnect', this.#onDisconnect);
  }

  get status(): Pick<NodeStatus, 'eventLoop' | 'memory' | 'disk'> {
    const { rss, heapUsed } = process.memoryUsage();
    const { dataBytes, freeBytes } = this.#disk.latest;
    return {
      eventLoop: this.#loop.reading,
      memory: { rssBytes: rss, heapBytes: heapUsed },
      disk: { dataBytes, freeBytes },
    };
  }

  #register(): void {
    const { meter, events } = this.#components;
    if (meter === null) return;
    registerNodeMetrics(meter, this.#init);
    this.#disk.register(meter);
    events.register(meter);
    this.#ends.push(registerProcessMetrics(meter), registerLoopMetrics(meter));
  }
}
