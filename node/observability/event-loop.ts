import {
  type ELDHistogram,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  performance,
} from 'node:perf_hooks';
import type { EventLog } from './events.ts';
import type { Meter } from './meter.ts';

/** How late the event loop was, and how busy. */
export interface LoopReading {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Part of the time in which it did not wait for anything, 0 to 1. */
  readonly utilisation: number;
}

export interface LoopMonitorInit {
  /** A reading covers so long. */
  readonly windowMs: number;
  /** A loop later than this is reported. */
  readonly stallMs: number;
}

export const LOOP_MONITOR: LoopMonitorInit = { windowMs: 5000, stallMs: 250 };

/** Between two looks at how late it is. Fifty a second cost some 0.01 % of a processor. */
const RESOLUTION_MS = 20;
const NS_PER_MS = 1e6;
const MS_PER_SECOND = 1000;

/** Measures how late the event loop is, and reports when it stalled. */
export class LoopMonitor {
  readonly #events: EventLog;
  readonly #init: LoopMonitorInit;
  #window = new LagWindow();
  #timer: NodeJS.Timeout | null = null;
  #latest: LoopReading | null = null;

  constructor(components: { readonly events: EventLog }, init: LoopMonitorInit) {
    this.#events = components.events;
    this.#init = init;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#window = new LagWindow();
    this.#latest = null;
    this.#timer = setInterval(() => this.#look(), this.#init.windowMs).unref();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#window.close();
  }

  /** Reads the last full window; before there is one, the time since the start. */
  get reading(): LoopReading {
    return this.#latest ?? this.#window.read();
  }

  #look(): void {
    const reading = this.#window.take();
    this.#latest = reading;
    if (reading.maxMs > this.#init.stallMs) {
      this.#events.report('event_loop_stalled', { ms: Math.round(reading.maxMs) });
    }
  }
}

/** Registers the lag since the last scrape. Returns the function that ends the measuring. */
export function registerLoopMetrics(meter: Meter): () => void {
  const window = new LagWindow();
  let last = window.read();
  const seconds = (name: string, what: string, read: () => number): void =>
    meter.gauge(
      `maillon_event_loop_${name}_seconds`,
      `How late timers were since the last scrape: ${what}.`,
      () => {
        return read() / MS_PER_SECOND;
      },
    );
  // the first to be collected, so that all are of the same window
  meter.gauge(
    'maillon_event_loop_utilisation_ratio',
    'Part of the time since the last scrape in which the event loop was busy, 0 to 1.',
    () => {
      last = window.take();
      return last.utilisation;
    },
  );
  seconds('lag_p50', 'the median', () => last.p50Ms);
  seconds('lag_p99', 'the 99th percentile', () => last.p99Ms);
  seconds('lag_max', 'the most', () => last.maxMs);
  return () => window.close();
}

/** The lag since the last `take`. */
class LagWindow {
  readonly #histogram: ELDHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #busy: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    this.#histogram.enable();
  }

  read(): LoopReading {
    return {
      p50Ms: this.#lateness(this.#histogram.percentile(50)),
      p99Ms: this.#lateness(this.#histogram.percentile(99)),
      maxMs: this.#lateness(this.#histogram.max),
      utilisation: performance.eventLoopUtilization(this.#busy).utilization,
    };
  }

  take(): LoopReading {
    const reading = this.read();
    this.#histogram.reset();
    this.#busy = performance.eventLoopUtilization();
    return reading;
  }

  close(): void {
    this.#histogram.disable();
  }

  /** The histogram holds the time between two looks: what they are apart anyway is no lateness. */
  #lateness(ns: number): number {
    return this.#histogram.count === 0 ? 0 : Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);
  }
}
