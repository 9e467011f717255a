import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, NodeProcessInit, Report } from './node-process.ts';

/** One line of what a node delivered. */
export interface DeliveredLine {
  readonly id: string;
  readonly author: string;
  readonly epoch: number;
  readonly seq: number;
}

/** A node process of a simulation: started, killed and started again on the same data. */
export class ProcessNode {
  readonly name: string;
  /** Deliveries of the present life. */
  delivered = 0;
  addresses: readonly string[] = [];
  author = '';
  /** Ids of what this node published, over all its lives. */
  readonly published: string[] = [];
  readonly failures: string[] = [];
  readonly #init: NodeProcessInit;
  #child: ChildProcess | undefined;

  constructor(name: string, init: { directory: string; topic: string; bootstrap: readonly string[] }) {
    this.name = name;
    this.#init = {
      data: join(init.directory, name),
      bootstrap: init.bootstrap,
      topic: init.topic,
      deliveries: join(init.directory, `${name}.delivered`),
    };
  }

  /** Starts it and waits until it is in the mesh. */
  async start(): Promise<void> {
    this.delivered = 0;
    const child = fork(new URL('./node-process.ts', import.meta.url), [JSON.stringify(this.#init)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code, signal) => reject(new Error(`${this.name} ended: ${code ?? signal}`)));
      child.on('message', (report: Report) => {
        this.#take(report);
        if (report.type === 'ready') resolve();
      });
    });
  }

  publish(text: string): void {
    this.#child?.send({ type: 'publish', text } satisfies Command);
  }

  /** SIGKILL, at whatever line it is. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill('SIGKILL'));
  }

  async stop(): Promise<void> {
    await this.#end((child) => child.disconnect());
  }

  /** Everything it ever handed to its subscriber. */
  lines(): DeliveredLine[] {
    if (!existsSync(this.#init.deliveries)) return [];
    const text = readFileSync(this.#init.deliveries, 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [id = '', author = '', epoch, seq] = line.split(' ');
        return { id, author, epoch: Number(epoch), seq: Number(seq) };
      });
  }

  #take(report: Report): void {
    if (report.type === 'delivered') this.delivered = report.count;
    else if (report.type === 'published') this.published.push(report.id);
    else if (report.type === 'failed') this.failures.push(report.reason);
    else {
      this.addresses = report.addresses;
      this.author = report.author;
    }
  }

  async #end(how: (child: ChildProcess) => void): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    how(child);
    await ended;
  }
}
