import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A value read when somebody scrapes; null for no value now. */
export type Read<T> = () => T | null | Promise<T | null>;
/** Values by what a label says. */
export type Labelled = Iterable<readonly [label: string, value: number]>;

/**
 * Registers metrics in a registry, and takes them out again when whatever they are about ends: a node that starts
 * anew in the same process registers the same names. Values are read at the scrape (`collect`), so that nothing is
 * counted twice and nothing is done while nobody looks.
 */
export class Meter {
  /** Hands on what is registered in it: for a library that takes a registry. */
  readonly registry: Registry;
  readonly #target: Registry;

  constructor(registry: Registry) {
    this.#target = registry;
    this.registry = new ForwardingRegistry(registry);
  }

  gauge(name: string, help: string, read: Read<number>): void {
    const collect = async function (this: Gauge): Promise<void> {
      const value = await read();
      this.reset();
      if (value === null) this.remove();
      else this.set(value);
    };
    this.registry.registerMetric(new Gauge({ name, help, registers: [], collect }));
  }

  gauges(name: string, help: string, label: string, read: Read<Labelled>): void {
    const collect = async function (this: Gauge): Promise<void> {
      const values = (await read()) ?? [];
      this.reset();
      for (const [text, value] of values) this.set({ [label]: text }, value);
    };
    this.registry.registerMetric(new Gauge({ name, help, labelNames: [label], registers: [], collect }));
  }

  /** `read` gives the count since the start, which only grows. */
  counter(name: string, help: string, read: Read<number>): void {
    const collect = async function (this: Counter): Promise<void> {
      const value = await read();
      this.reset();
      this.inc(value ?? 0);
    };
    this.registry.registerMetric(new Counter({ name, help, registers: [], collect }));
  }

  counters(name: string, help: string, label: string, read: Read<Labelled>): void {
    const collect = async function (this: Counter): Promise<void> {
      const values = (await read()) ?? [];
      this.reset();
      for (const [text, value] of values) this.inc({ [label]: text }, value);
    };
    this.registry.registerMetric(new Counter({ name, help, labelNames: [label], registers: [], collect }));
  }

  /** Constant facts, as labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [] });
    gauge.set(labels, 1);
    this.registry.registerMetric(gauge);
  }

  /** For what exists as an event only. Returns the function that counts one. */
  eventCounter<L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
  ): (values: Record<L, string>) => void {
    const counter = new Counter({ name, help, labelNames: [...labels], registers: [] });
    this.registry.registerMetric(counter);
    return (values) => counter.inc(values);
  }

  /** Returns the function that takes one observation. */
  histogram<L extends string>(
    name: string,
    help: string,
    init: { readonly labels: readonly L[]; readonly buckets: readonly number[] },
  ): (values: Record<L, string>, value: number) => void {
    const { labels, buckets } = init;
    const histogram = new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [],
    });
    this.registry.registerMetric(histogram);
    return (values, value) => histogram.observe(values, value);
  }

  /** Removes everything registered here, also by code that was handed `registry`. Idempotent. */
  release(): void {
    for (const { name } of this.registry.getMetricsAsArray()) this.#target.removeSingleMetric(name);
    this.registry.clear();
  }
}

/** Process metrics of libp2p that are left out: `process-metrics.ts` and `disk-usage.ts` have them, and once is enough. */
const MEASURED_ALREADY = /^nodejs_/;

/** Knows what was registered through it; what is scraped is the other one. */
class ForwardingRegistry extends Registry {
  readonly #target: Registry;

  constructor(target: Registry) {
    super();
    this.#target = target;
  }

  override registerMetric(metric: Parameters<Registry['registerMetric']>[0]): void {
    // the type does not know that a metric has its name
    if (MEASURED_ALREADY.test((metric as unknown as { readonly name: string }).name)) return;
    this.#target.registerMetric(metric);
    super.registerMetric(metric);
  }
}
