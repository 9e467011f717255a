import type { Probe } from '../../node/index.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Context } from '../context.ts';
import { PROBE_TIMEOUT_MS } from '../limits.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly probes: Probe[];
  readonly tookMs: number;
}

/** Probes the node and the gateway, once for all who ask at the same time. */
export class Prober {
  readonly #components: Pick<Context, 'node' | 'clients' | 'config' | 'clock' | 'stopping'>;
  #underWay: Promise<Readiness> | undefined;

  constructor(components: Pick<Context, 'node' | 'clients' | 'config' | 'clock' | 'stopping'>) {
    this.#components = components;
  }

  async probe(): Promise<Readiness> {
    this.#underWay ??= this.#probe().finally(() => (this.#underWay = undefined));
    return this.#underWay;
  }

  async #probe(): Promise<Readiness> {
    const { clock } = this.#components;
    const startedAt = clock.now();
    const probes = [...(await this.#probeNode()), this.#probeClients(), this.#probeStopping()];
    return { ready: probes.every((probe) => probe.ok), probes, tookMs: clock.now() - startedAt };
  }

  async #probeNode(): Promise<Probe[]> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)),
      PROBE_TIMEOUT_MS,
    );
    try {
      return await Promise.race([this.#components.node.probe(), late]);
    } catch (error) {
      return [{ name: 'node', ok: false, detail: errorMessage(error) }];
    } finally {
      clearTimeout(timer);
    }
  }

  #probeClients(): Probe {
    const { clients, config } = this.#components;
    const detail = `${clients.size} of ${config['gateway.clientsMax']} streaming clients`;
    return { name: 'gateway.clients', ok: !clients.isFull, detail };
  }

  #probeStopping(): Probe {
    const isStopping = this.#components.stopping.aborted;
    return { name: 'gateway', ok: !isStopping, detail: isStopping ? 'stopping' : 'serving' };
  }
}
