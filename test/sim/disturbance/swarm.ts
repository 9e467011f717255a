import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Processes of a local swarm, as it reports them. */
export interface SwarmLine {
  readonly nodes: readonly { readonly pid: number }[];
  readonly gateways: readonly { readonly url: string; readonly pid: number }[];
}

const MAIN = fileURLToPath(new URL('../../../gateway/cli/main.ts', import.meta.url));
const PAGE_BYTES = 4096;

/** Small enough that a client which does not read is paused and cut within a round. JSON, since the log is read. */
const SETTINGS = {
  MAILLON_LOG_FORMAT: 'json',
  MAILLON_GATEWAY_CLIENT_QUEUE_BYTES: `${2 ** 20}`,
  MAILLON_GATEWAY_SLOW_CLIENT_MS: '5000',
};

/** `maillon swarm`: every node and every gateway a process of its own. */
export class Swarm {
  readonly line: SwarmLine;
  readonly #process: ChildProcess;
  readonly #directory: string;
  /** The operator's listener of the gateway that is disturbed. */
  readonly #adminUrl: string;

  private constructor(process: ChildProcess, directory: string, line: SwarmLine) {
    this.#process = process;
    this.#directory = directory;
    this.line = line;
    const log = readFileSync(join(directory, 'gateway-1.log'), 'utf8');
    const [url] = /http:\/\/127\.0\.0\.1:\d+(?=.*admin listener)/.exec(log) ?? [];
    if (url === undefined) throw new Error(`gateway-1 has no admin listener: ${log}`);
    this.#adminUrl = url;
  }

  static async start(nodes: number, gateways: number): Promise<Swarm> {
    const directory = mkdtempSync(join(tmpdir(), 'maillon-disturbance-'));
    const size = ['--nodes', `${nodes}`, '--gateways', `${gateways}`];
    const args = [MAIN, 'swarm', ...size, '--data', directory];
    const child = spawn(process.execPath, ['--max-semi-space-size=64', ...args], {
      env: { ...process.env, ...SETTINGS },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (child.stdout === null) throw new Error('the swarm has no output');
    for await (const line of createInterface({ input: child.stdout })) {
      return new Swarm(child, directory, JSON.parse(line) as SwarmLine);
    }
    throw new Error('the swarm did not come up');
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGINT');
    await gone;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Clients that the disturbed gateway has cut since it began, by its own account. */
  async cutClients(): Promise<number> {
    const text = await (await fetch(`${this.#adminUrl}/metrics`)).text();
    return Number(/^maillon_gateway_cut_clients(?:_total)? (\d+)$/m.exec(text)?.[1]);
  }
}

/** Resident memory of a process in MB; NaN where there is no /proc. */
export function residentMb(pid: number): number {
  try {
    const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return (Number(pages) * PAGE_BYTES) / 1e6;
  } catch {
    return Number.NaN;
  }
}
