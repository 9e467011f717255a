import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OWNER_KEY_VARIABLE, ownerKeyPath } from '../../support/owner.ts';
import { ROOT } from '../../support/sources.ts';
import { freePorts } from './ports.ts';
import { Site } from './site.ts';

/** As `npm start` runs it, with the compile cache. */
const LAUNCHER = join(ROOT, 'gateway/maillon.js');
const LOG_TAIL = 2_000;
/** Far beyond what a start may take: who is not ready then never is. */
const READY_PATIENCE_MS = 90_000;

export interface MemberInit {
  readonly directory: string;
  /** A full node unless said. */
  readonly command?: 'node' | 'gateway';
  /** Addresses to join through. */
  readonly bootstrap: readonly string[];
  readonly flags: readonly string[];
}

interface Ready {
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  readonly admin: string | null;
}

/** A `maillon` process: started, killed and started again on the same data and the same ports. */
export class Member {
  readonly site: Site;
  readonly #init: MemberInit;
  #ports: readonly number[] = [];
  #child: ChildProcess | null = null;
  peerId = '';
  /** With which others join through it. */
  address = '';
  /** URL of its admin listener, where `flags` ask for one. */
  admin = '';
  isUp = false;
  /** Beside the usual, of the next start. */
  env: NodeJS.ProcessEnv = {};
  /** Milliseconds from the last start until it reported on standard output that it is ready. */
  saidMs = 0;

  constructor(name: string, init: MemberInit) {
    this.site = new Site(name, { port: 0 });
    this.#init = init;
  }

  get name(): string {
    return this.site.name;
  }

  /** Its data directory. */
  get data(): string {
    return join(this.#init.directory, this.name);
  }

  /** URL of its gateway. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports[2] ?? 0}`;
  }

  /** PID of the running process; 0 while nothing runs. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, and says after how many milliseconds it was ready. */
  async start(): Promise<number> {
    if (this.#ports.length === 0) this.#ports = await freePorts(3);
    const since = performance.now();
    const { child, line } = this.#spawn();
    this.#child = child;
    const ready = JSON.parse(await line) as Ready;
    this.saidMs = performance.now() - since;
    this.peerId = ready.peerId;
    this.admin = ready.admin ?? '';
    this.address = ready.multiaddrs.find((one) => !one.includes('/ws')) ?? '';
    this.site.reset({ port: this.#ports[2] ?? 0 });
    while (!(await this.site.isReady())) {
      if (child.exitCode !== null || child.signalCode !== null) throw this.#failure('ended');
      if (performance.now() - since > READY_PATIENCE_MS) {
        throw this.#failure(`is not ready: ${(await this.site.ask('GET', '/readyz')).body}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.isUp = true;
    return performance.now() - since;
  }

  /** SIGKILL, at whatever line it is. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL, and its disk with it: it never comes back. */
  async lose(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.data, { recursive: true, force: true });
  }

  #spawn(): { child: ChildProcess; line: Promise<string> } {
    const { directory } = this.#init;
    const log = openSync(this.#log, 'a');
    try {
      // the channel carries nothing: it closes when this process ends, and the node then stops
      const child = spawn(process.execPath, ['--max-semi-space-size=64', LAUNCHER, ...this.#args], {
        cwd: directory,
        env: { ...cleanEnvironment(), ...this.env },
        stdio: ['ignore', 'pipe', log, 'ipc'],
      });
      return { child, line: this.#firstLine(child) };
    } finally {
      closeSync(log);
    }
  }

  get #args(): string[] {
    const { bootstrap, flags, command = 'node' } = this.#init;
    const [tcp, ws, http] = this.#ports.map(String);
    return [
      command,
      '--json --log-level warn --listen-host 127.0.0.1 --no-network-quic --no-admin-enabled'.split(' '),
      ['--data', this.data],
      ['--listen-tcp', tcp, '--listen-ws', ws, '--gateway-port', http],
      bootstrap.flatMap((address) => ['--bootstrap', address]),
      flags,
    ]
      .flat()
      .filter((arg) => arg !== undefined);
  }

  async #firstLine(child: ChildProcess): Promise<string> {
    if (child.stdout === null) throw new Error('it has no output');
    for await (const line of createInterface({ input: child.stdout })) return line;
    throw this.#failure('ended before it was ready');
  }

  get #log(): string {
    return join(this.#init.directory, `${this.name}.log`);
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}: ${readFileSync(this.#log, 'utf8').slice(-LOG_TAIL)}`);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.isUp = false;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** Settings of a developer's machine must not change what is tried. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(MAILLON_.*|NODE_TEST_CONTEXT)$/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), [OWNER_KEY_VARIABLE]: ownerKeyPath() };
}
