import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeliveredLine, ProcessNode } from './process-node.ts';

export interface RelayChurnInit {
  readonly nodes: number;
  readonly envelopes: number;
  /** Nodes that publish; they are never killed. */
  readonly authors: number;
  readonly progress: (line: string) => void;
}

/** Result of a run. Every number but the first two must be zero. */
export interface RelayChurnResult {
  readonly published: number;
  readonly nodes: number;
  /** Envelopes that a node which was up throughout did not deliver, over all such nodes. */
  readonly missing: number;
  /** Deliveries of an envelope at a node that had delivered it before, lives included. */
  readonly twice: number;
  /** Envelopes published after the restarted node was ready that it did not deliver. */
  readonly missingAfterRestart: number;
  /** The same for the node that joined late. */
  readonly missingAfterJoin: number;
  /** Holes in an author's sequence within an epoch, at a node up throughout. */
  readonly holes: number;
  readonly failures: number;
}

/** Envelopes on their way at once: the swarm is busy and nothing piles up. */
const WINDOW = 64;
const POLL_MS = 10;
const STALL_MS = 60_000;

/** Publishes at several nodes while one is killed and restarted and another joins, and counts what arrives. */
export async function relayChurn(init: RelayChurnInit): Promise<RelayChurnResult> {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-sim-'));
  const run = new Run(init, directory);
  try {
    return await run.run();
  } finally {
    await run.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

class Run {
  readonly #init: RelayChurnInit;
  readonly #directory: string;
  readonly #nodes: ProcessNode[] = [];
  #sent = 0;

  constructor(init: RelayChurnInit, directory: string) {
    this.#init = init;
    this.#directory = directory;
  }

  async run(): Promise<RelayChurnResult> {
    const { nodes, envelopes, progress } = this.#init;
    await this.#add('node-0');
    await Promise.all(Array.from({ length: nodes - 1 }, (_, index) => this.#add(`node-${index + 1}`)));
    progress(`${nodes} processes are meshed`);
    const victim = this.#nodes.at(-1);
    if (victim === undefined) throw new Error('a swarm needs nodes');
    const steady = this.#nodes.slice(0, -1);
    await this.#publish(steady, Math.floor(envelopes * 0.3));
    await victim.kill();
    progress(`${victim.name} is killed`);
    await this.#publish(steady, Math.floor(envelopes * 0.2));
    await victim.start();
    const sinceRestart = this.#publishedIds(steady);
    progress(`${victim.name} is back`);
    await this.#publish(steady, Math.floor(envelopes * 0.2));
    const late = await this.#add('late');
    const sinceJoin = this.#publishedIds(steady);
    progress('a late node has joined');
    await this.#publish(steady, envelopes - this.#sent);
    await this.#settled(steady, victim, sinceRestart, late, sinceJoin);
    return this.#result(steady, victim, sinceRestart, late, sinceJoin);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  async #add(name: string): Promise<ProcessNode> {
    const bootstrap = this.#nodes[0]?.addresses.slice(0, 1) ?? [];
    const node = new ProcessNode(name, { directory: this.#directory, topic: 'churn', bootstrap });
    await node.start();
    this.#nodes.push(node);
    return node;
  }

  /** Publishes `count` more, no faster than the slowest steady node takes them, and waits until they are sent. */
  async #publish(steady: readonly ProcessNode[], count: number): Promise<void> {
    const authors = steady.slice(0, this.#init.authors);
    for (const end = this.#sent + count; this.#sent < end; this.#sent++) {
      await until(
        'room in the window',
        () => this.#sent - Math.min(...steady.map((n) => n.delivered)) < WINDOW,
      );
      authors[this.#sent % authors.length]?.publish(`envelope ${this.#sent}`);
    }
    await until('receipts', () => this.#publishedIds(steady).size + failures(steady) >= this.#sent);
  }

  #publishedIds(steady: readonly ProcessNode[]): Set<string> {
    return new Set(steady.flatMap((node) => node.published));
  }

  async #settled(
    steady: readonly ProcessNode[],
    victim: ProcessNode,
    sinceRestart: ReadonlySet<string>,
    late: ProcessNode,
    sinceJoin: ReadonlySet<string>,
  ): Promise<void> {
    const all = this.#publishedIds(steady);
    await until('every delivery', () => {
      if (steady.some((node) => node.delivered < all.size)) return false;
      return missing(all, sinceRestart, victim) + missing(all, sinceJoin, late) === 0;
    }).catch((error: unknown) => this.#init.progress(String(error)));
  }

  #result(
    steady: readonly ProcessNode[],
    victim: ProcessNode,
    sinceRestart: ReadonlySet<string>,
    late: ProcessNode,
    sinceJoin: ReadonlySet<string>,
  ): RelayChurnResult {
    const all = this.#publishedIds(steady);
    return {
      published: all.size,
      nodes: this.#nodes.length,
      missing: sum((node) => missing(all, new Set(), node), steady),
      twice: sum((node) => twice(node.lines()), this.#nodes),
      missingAfterRestart: missing(all, sinceRestart, victim),
      missingAfterJoin: missing(all, sinceJoin, late),
      holes: sum((node) => holes(node.lines()), steady),
      failures: failures(steady),
    };
  }
}

function sum(of: (node: ProcessNode) => number, nodes: readonly ProcessNode[]): number {
  return nodes.reduce((total, node) => total + of(node), 0);
}

/** Ids of `all`, but for those of `before`, that `node` never delivered. */
function missing(all: ReadonlySet<string>, before: ReadonlySet<string>, node: ProcessNode): number {
  const delivered = new Set(node.lines().map((line) => line.id));
  return [...all].filter((id) => !before.has(id) && !delivered.has(id)).length;
}

function twice(lines: readonly DeliveredLine[]): number {
  return lines.length - new Set(lines.map((line) => line.id)).size;
}

function holes(lines: readonly DeliveredLine[]): number {
  const authors = new Map<string, number[]>();
  for (const { author, epoch, seq } of lines) {
    const key = `${author} ${epoch}`;
    authors.set(key, [...(authors.get(key) ?? []), seq]);
  }
  return [...authors.values()].reduce((total, seqs) => total + Math.max(...seqs) - seqs.length, 0);
}

function failures(nodes: readonly ProcessNode[]): number {
  return nodes.reduce((total, node) => total + node.failures.length, 0);
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + STALL_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not reached within ${STALL_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
