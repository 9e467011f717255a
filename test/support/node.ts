import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { type Config, createNode, type Delivery, type MaillonNode } from '../../node/index.ts';
import type { EventLog } from '../../node/observability/events.ts';
import { testConfig } from './config.ts';
import { OWNER } from './owner.ts';
import type { Cleanup } from './processes.ts';
import { silentLogger } from './silent-logger.ts';

export interface NodeOptions {
  readonly settings?: Partial<Config>;
  /** Nodes to join through. */
  readonly through?: readonly MaillonNode[];
  readonly role?: 'full' | 'light';
  /** A data directory that outlives the node; a fresh one otherwise. */
  readonly data?: string;
  /** Where its events are counted. */
  readonly events?: EventLog;
  /** Where its metrics are registered. */
  readonly registry?: Registry;
  /** Count 127.0.0.0/8 by its /24s. */
  readonly splitLoopback?: boolean;
}

/** A node that shares nothing with others on the machine; stopped, and its directory removed, after the test. */
export async function startNode(t: Cleanup, options: NodeOptions = {}): Promise<MaillonNode> {
  const { settings = {}, through = [], role = 'full' } = options;
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'maillon-node-'));
  const events = options.events === undefined ? {} : { events: options.events };
  const registry = options.registry === undefined ? {} : { registry: options.registry };
  const config = testConfig(data, { bootstrap: through.map(tcpAddress), ...settings });
  const node = createNode(
    { logger: silentLogger(), ...events, ...registry },
    { config, role, version: '0.0.0-test', splitLoopback: options.splitLoopback ?? false },
  );
  t.after(async () => {
    await node.stop();
    if (options.data === undefined) rmSync(data, { recursive: true, force: true });
  });
  await node.start();
  return node;
}

export function tcpAddress(node: MaillonNode): string {
  const address = node.status().addresses.find((one) => !one.includes('/ws'));
  if (address === undefined) throw new Error('the node does not listen');
  return address;
}

/** Deliveries of a node on one topic of the namespace `default`. */
export class Inbox {
  readonly deliveries: Delivery[] = [];

  constructor(node: MaillonNode, topic: string) {
    node.relay.subscribe({ owner: OWNER.did, namespace: 'default', topic }, (one) =>
      this.deliveries.push(one),
    );
  }

  get texts(): string[] {
    return this.deliveries.map(({ data }) => Buffer.from(data).toString());
  }

  has(text: string): boolean {
    return this.texts.includes(text);
  }
}

export function publish(node: MaillonNode, topic: string, text: string): Promise<{ id: string }> {
  return node.relay.publish({ owner: OWNER.did, namespace: 'default', topic, data: Buffer.from(text) });
}

/** The score of each connected peer at `node`, by peer id. */
export async function scores(node: MaillonNode): Promise<Map<string, number>> {
  const peers = await node.peers();
  return new Map(peers.filter(({ connected }) => connected).map(({ id, score }) => [id, score]));
}
