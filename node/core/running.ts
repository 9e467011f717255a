import type { Registry } from 'prom-client';
import { CodedError } from '../../protocols/common/errors.ts';
import { Meter } from '../observability/meter.ts';
import { Questions } from '../transport/questions.ts';
import type { NodeCore, Services } from './core.ts';
import type { FeatureModule, NodeFeature, NodeService, ValuesOf } from './feature.ts';
import { featureOff, reasonOff } from './off.ts';
import type { Probe } from './probe.ts';
import { checkedValues, checkNew, valuesIn } from './values.ts';

type Values = ValuesOf<NodeFeature['settings']>;

/** The parts of the core that all features share. */
export type SharedCore = Omit<NodeCore, 'meter' | 'services' | 'service' | 'isOn' | 'exchange'>;

export interface RunningFeaturesInit {
  /** Where metrics are registered; null where nobody scrapes. */
  readonly registry: Registry | null;
  /** The node's own, in the order of their start. */
  readonly builtIn: readonly NodeFeature[];
  /** Those of third parties, which start behind them and may be removed. */
  readonly added: readonly NodeFeature[];
  /** Sections of the settings of the node's own: nothing that is added may be called so. */
  readonly sections: readonly string[];
}

/** A feature whose service was made. */
interface Running {
  readonly feature: NodeFeature;
  readonly service: NodeService;
  readonly settings: Values;
  /** Takes away what the feature had of the node. */
  readonly release: () => Promise<void>;
}

/** The services of a node's features: made and started in the order of the list, and stopped in reverse. */
export class RunningFeatures {
  readonly services: Partial<Services> = {};
  readonly #shared: SharedCore;
  readonly #init: RunningFeaturesInit;
  #running: readonly Running[] = [];
  #scoring: readonly ((peer: string) => number)[] = [];

  constructor(shared: SharedCore, init: RunningFeaturesInit) {
    this.#shared = shared;
    this.#init = init;
  }

  /** Imports the code of the features that are on, and makes their services. Throws `feature_exists`. */
  async create(): Promise<void> {
    const { builtIn, added, sections } = this.#init;
    for (const [index, one] of added.entries()) checkNew(one, added.slice(0, index), sections);
    const on = [...builtIn, ...added].filter(({ name }) => this.reasonOff(name) === null);
    const modules = await Promise.all(on.map((feature) => feature.load()));
    for (const [index, feature] of on.entries()) {
      await this.#create(feature, modules[index] as FeatureModule, valuesIn(this.#shared.config, feature));
    }
  }

  async start(): Promise<void> {
    for (const { service } of this.#running) await service.start?.();
  }

  /** Stops each service whatever becomes of the one before; what they threw is thrown in the end. */
  async stop(): Promise<void> {
    const stopping = new AsyncDisposableStack();
    for (const one of this.#running) stopping.defer(() => this.#end(one));
    await stopping.disposeAsync();
  }

  /** Makes and starts one more, with these settings where they are not the defaults. Throws `feature_exists`, `feature_off`, `bad_config`. */
  async add(feature: NodeFeature, settings: Readonly<Record<string, unknown>>): Promise<void> {
    checkNew(feature, this.features, this.#init.sections);
    for (const need of feature.needs ?? []) this.service(need as keyof Services);
    const values = checkedValues(settings, feature);
    const running = await this.#create(feature, await feature.load(), values);
    try {
      await running.service.start?.();
    } catch (error) {
      await this.#end(running);
      throw error;
    }
  }

  /** Stops one that was added. Throws `feature_not_loaded`, `feature_needed`. */
  async remove(name: string): Promise<void> {
    const { builtIn } = this.#init;
    const running = this.#running.find(({ feature }) => feature.name === name && !builtIn.includes(feature));
    if (running === undefined) {
      throw new CodedError('feature_not_loaded', `no feature called ${name} was loaded from a path`);
    }
    const dependent = this.features.find(({ needs = [] }) => needs.includes(name));
    if (dependent !== undefined) {
      throw new CodedError('feature_needed', `${dependent.name} needs ${name}: unload that first`);
    }
    await this.#end(running);
  }

  /** Throws `feature_off`. */
  service<N extends keyof Services>(name: N): Services[N] {
    const service = this.services[name];
    if (service !== undefined) return service;
    throw featureOff(name, this.reasonOff(name) ?? 'it is not loaded');
  }

  /** Tells why a feature of the list is off; null where it is on. */
  reasonOff(name: string): string | null {
    return reasonOff(name, [...this.#init.builtIn, ...this.#init.added], this.#shared.config);
  }

  probe(): Probe[] {
    return this.#running.flatMap(({ service }) => service.probe?.() ?? []);
  }

  scoreOf(peer: string): number {
    let score = 0;
    for (const scoreOf of this.#scoring) score += scoreOf(peer);
    return score;
  }

  /** Settings of the features that run, by dotted path. */
  get settings(): Values {
    return Object.assign({}, ...this.#running.map(({ settings }) => settings)) as Values;
  }

  /** Features that run. */
  get features(): readonly NodeFeature[] {
    return this.#running.map(({ feature }) => feature);
  }

  async #create(feature: NodeFeature, module: FeatureModule, settings: Values): Promise<Running> {
    const { registry } = this.#init;
    const meter = registry === null ? null : new Meter(registry);
    const exchanges: Questions[] = [];
    const release = async (): Promise<void> => {
      meter?.release();
      await Promise.all(exchanges.map((one) => one.stop()));
    };
    try {
      const service = await module.create(this.#coreFor(meter, exchanges), settings);
      const running = { feature, service, settings, release };
      this.#running = [...this.#running, running];
      (this.services as Record<string, NodeService>)[feature.name] = service;
      this.#scoring = scoringOf(this.#running);
      return running;
    } catch (error) {
      await release();
      throw error;
    }
  }

  #coreFor(meter: Meter | null, exchanges: Questions[]): NodeCore {
    const { network, logger } = this.#shared;
    return {
      ...this.#shared,
      meter,
      services: this.services,
      service: (name) => this.service(name),
      isOn: (name) => this.reasonOff(name) === null,
      exchange: (components, init) => {
        const exchange = new Questions({ ...components, network, logger }, init);
        exchanges.push(exchange);
        return exchange;
      },
    };
  }

  /** Ends a service, and takes away what its feature had of the node, whatever becomes of that. */
  async #end(running: Running): Promise<void> {
    try {
      await running.service.stop();
    } finally {
      await running.release();
      this.#running = this.#running.filter((one) => one !== running);
      delete (this.services as Record<string, unknown>)[running.feature.name];
      this.#scoring = scoringOf(this.#running);
    }
  }
}

function scoringOf(running: readonly Running[]): ((peer: string) => number)[] {
  return running.flatMap(({ service }) => {
    return service.scoreOf === undefined ? [] : [(peer: string) => service.scoreOf?.(peer) ?? 0];
  });
}
