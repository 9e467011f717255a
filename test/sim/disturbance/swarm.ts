import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What the processes of a local swarm say of themselves. */
export interface SwarmLine {
  readonly nodes: readonly { readonly pid: number }[];
  readonly gateways: readonly { readonly url: string; readonly pid: number }[];
}

const MAIN = fileURLToPath(new URL('../../../gateway/main.ts', import.meta.url));
const PAGE_BYTES = 4096;

/** Small enough that a client which does not read is paused and cut within a round. */
const SETTINGS = {
  MAILLON_GATEWAY_CLIENT_QUEUE_BYTES: `${2 ** 20}`,
  MAILLON_GATEWAY_SLOW_CLIENT_MS: '3000',
};

/** `maillon swarm`: every node and every gateway a process of its own. */
export class Swarm {
  readonly #process: ChildProcess;
  readonly line: SwarmLine;

  private constructor(process: ChildProcess, line: SwarmLine) {
    this.#process = process;
    this.line = line;
  }

  static async start(nodes: number, gateways: number): Promise<Swarm> {
    const args = [MAIN, 'swarm', '--nodes', `${nodes}`, '--gateways', `${gateways}`];
    const child = spawn(process.execPath, ['--max-semi-space-size=64', ...args], {
      env: { ...process.env, ...SETTINGS },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (child.stdout === null) throw new Error('the swarm has no output');
    for await (const line of createInterface({ input: child.stdout })) {
      return new Swarm(child, JSON.parse(line) as SwarmLine);
    }
    throw new Error('the swarm did not come up');
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGINT');
    await gone;
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
