import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeDataDirectory } from '../../../node/files.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { note, sayJson } from '../core/terminal.ts';
import { Child, type ReadyLine } from './child.ts';
import { planSwarm, type SwarmOptions } from './plan.ts';

export interface SwarmInit extends SwarmOptions {
  /** Where everything is kept; a temporary directory that is removed at the end when missing. */
  readonly directory: string | undefined;
}

/** Starts at once: a start is mostly processor time, and more than the processors would only slow each down. */
const STARTS_TOGETHER = 4;
/** Meshes form within a few heartbeats of a second. */
const JOIN_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const PROBE_TIMEOUT_MS = 2000;
/** Below the deadline of the process itself, so that it still ends what does not end. */
const KILL_AFTER_MS = 2400;

interface Up {
  readonly child: Child;
  readonly line: ReadyLine;
}

/** A swarm of processes on this machine. */
export class LocalSwarm {
  readonly #init: SwarmInit;
  readonly #directory: string;
  readonly #children: Child[] = [];
  readonly #over = Promise.withResolvers<void>();
  #announced = false;
  #stopping = false;

  constructor(init: SwarmInit) {
    this.#init = init;
    planSwarm(init, '');
    this.#directory = resolve(init.directory ?? mkdtempSync(join(tmpdir(), 'maillon-swarm-')));
    makeDataDirectory(this.#directory);
  }

  /** Resolves when every process ended by itself. */
  get ended(): Promise<void> {
    return this.#over.promise;
  }

  /** Starts every process, waits until all have joined, and prints the line that says so. */
  async start(signal: AbortSignal): Promise<void> {
    const [first, ...others] = planSwarm(this.#init, this.#directory);
    if (!first) return;
    note(`swarm: nodes: ${this.#init.nodes}, gateways: ${this.#init.gateways}, all in ${this.#directory}`);
    const bootstrap = await this.#launch(first, null, signal);
    const address = bootstrap.line.multiaddrs.find((multiaddr) => /\/tcp\/\d+\/p2p\//.test(multiaddr));
    if (address === undefined) throw new CodedError('swarm_failed', `${first.name} has no TCP address`);

    const up: Up[] = [bootstrap];
    for (let i = 0; i < others.length && !signal.aborted; i += STARTS_TOGETHER) {
      const batch = others.slice(i, i + STARTS_TOGETHER);
      up.push(...(await Promise.all(batch.map((member) => this.#launch(member, address, signal)))));
    }
    await this.#joined(up, signal);
    if (!signal.aborted) this.#announce(up);
  }

  /** Ends every process, and removes what it made for itself. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#children) if (!child.gone) child.process.kill('SIGTERM');
    const all = Promise.all(this.#children.map((child) => child.exited));
    const deadline = new AbortController();
    await Promise.race([all, wait(KILL_AFTER_MS, undefined, { signal: deadline.signal })]);
    deadline.abort();
    for (const child of this.#children) if (!child.gone) child.process.kill('SIGKILL');
    await all;
    if (this.#init.directory === undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  async #launch(
    member: ReturnType<typeof planSwarm>[number],
    bootstrap: string | null,
    signal: AbortSignal,
  ): Promise<Up> {
    const child = new Child(member, {
      directory: this.#directory,
      bootstrap,
      env: childEnvironment(this.#directory),
    });
    this.#children.push(child);
    void child.exited.then(() => this.#onExit(child));
    const line = await child.ready(signal);
    note(`swarm: ${child.name} is up, ${line.url}`);
    return { child, line };
  }

  /** Waits until every process says it is ready, all in the same look. */
  async #joined(up: readonly Up[], signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + JOIN_TIMEOUT_MS;
    for (;;) {
      const dead = up.find(({ child }) => child.gone);
      if (dead) throw dead.child.failure('ended before the swarm had joined');
      const unready = await Promise.all(
        up.map(async ({ line }) => ((await isReady(line.url)) ? null : line.url)),
      );
      const waiting = up.filter((_, index) => unready[index] !== null);
      if (waiting.length === 0 || signal.aborted) return;
      if (performance.now() > deadline) {
        const names = waiting.map(({ child }) => child.name).join(', ');
        throw new CodedError('swarm_failed', `${names} did not join within ${JOIN_TIMEOUT_MS / 1000} s`);
      }
      await wait(POLL_MS);
    }
  }

  #announce(up: readonly Up[]): void {
    const nodes = up.filter(({ child }) => child.name.startsWith('node-'));
    const gateways = up.filter(({ child }) => child.name.startsWith('gateway-'));
    this.#announced = true;
    sayJson({
      ready: true,
      nodes: nodes.map(({ child, line }) => ({
        peerId: line.peerId,
        multiaddrs: line.multiaddrs,
        pid: child.pid,
        http: line.url,
      })),
      gateways: gateways.map(({ child, line }) => ({ url: line.url, pid: child.pid })),
    });
  }

  /** A swarm that is up outlives its members: killing one is what a swarm is for. */
  #onExit(child: Child): void {
    if (this.#stopping) return;
    if (this.#announced)
      note(`swarm: ${child.name} (pid ${child.pid}) is gone; to start it again: ${child.again}`);
    if (this.#announced && this.#children.every(({ gone }) => gone)) this.#over.resolve();
  }
}

/**
 * Settings in the environment reach every process; what is said of one process at a time does not. All have one development
 * owner: that of the swarm's directory, unless another one is set. Each notes it in its data directory, so that one that is started
 * again by hand serves the same.
 */
function childEnvironment(directory: string): NodeJS.ProcessEnv {
  const { MAILLON_CONFIG: _config, MAILLON_URL: _url, ...env } = process.env;
  return { MAILLON_IDENTITY_OWNER_KEY: join(directory, 'development.key'), ...env };
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
