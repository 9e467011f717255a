import type { RelayMetrics } from '../../protocols/relay/index.ts';
import type { EventLog } from '../observability/events.ts';

export interface RelayWatchComponents {
  readonly events: EventLog;
  readonly relay: { readonly metrics: RelayMetrics; readonly diskFault: string | null };
}

/** How often faults that show in a number only are looked for. */
const WATCH_INTERVAL_MS = 5000;

/** Reports an overload, which is a number that grew, and a disk fault, which is a state that began. */
export class RelayWatch {
  readonly #components: RelayWatchComponents;
  #timer: NodeJS.Timeout | null = null;
  #overloaded = 0;
  #diskFault: string | null = null;

  constructor(components: RelayWatchComponents) {
    this.#components = components;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), WATCH_INTERVAL_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const { events, relay } = this.#components;
    const { overloaded } = relay.metrics.refused;
    if (overloaded > this.#overloaded) {
      events.report('relay_overloaded', { envelopes: overloaded - this.#overloaded });
    }
    this.#overloaded = overloaded;
    const { diskFault } = relay;
    if (diskFault !== null && this.#diskFault === null) events.report('disk_failed', { reason: diskFault });
    this.#diskFault = diskFault;
  }
}
