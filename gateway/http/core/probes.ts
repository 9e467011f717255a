import type { MaillonNode, Probe } from '../../../node/index.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { PROBE_TIMEOUT_MS } from '../../core/limits.ts';
import type { Context } from './context.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly probes: Probe[];
  readonly tookMs: number;
}

export interface ProberComponents {
  readonly node: Pick<MaillonNode, 'probe'>;
  readonly clock: Clock;
  /** Probes besides the node's. */
  readonly others: () => readonly Probe[];
}

/** Probes the node and the gateway; concurrent callers share one probe. */
export class Prober {
  readonly #components: ProberComponents;
  #underWay: Promise<Readiness> | undefined;

  constructor(components: ProberComponents) {
    this.#components = components;
  }

  async probe(): Promise<Readiness> {
    this.#underWay ??= this.#probe().finally(() => (this.#underWay = undefined));
    return this.#underWay;
  }

  async #probe(): Promise<Readiness> {
    const { clock, others } = this.#components;
    const startedAt = clock.now();
    const probes = [...(await this.#probeNode()), ...others()];
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
}

/** Probes of a running gateway. */
export function probeGateway({
  auth,
  clients,
  config,
  stopping,
  audit,
}: Pick<Context, 'audit' | 'auth' | 'clients' | 'config' | 'stopping'>): Probe[] {
  const isStopping = stopping.aborted;
  const fault = auth.fault();
  return [
    {
      name: 'gateway.state',
      ok: fault === null,
      detail: fault === null ? 'sign-ins are kept' : `nobody can sign in: ${fault}`,
    },
    {
      name: 'gateway.clients',
      ok: !clients.isFull,
      detail: `${clients.size} of ${config['gateway.clientsMax']} streaming clients`,
    },
    { name: 'gateway.audit', ok: audit.fault === null, detail: audit.fault ?? 'written' },
    { name: 'gateway', ok: !isStopping, detail: isStopping ? 'stopping' : 'serving' },
  ];
}
