import { closeSync, openSync, writeSync } from 'node:fs';
import { createLogger, createNode } from '../../node/index.ts';
import { testConfig } from '../support/config.ts';

/** A full node in a process of its own, for tests that kill it. Driven over IPC by `ProcessNode`. */
export interface NodeProcessInit {
  readonly data: string;
  readonly bootstrap: readonly string[];
  readonly topic: string;
  /** Every delivered id goes here, a line each, before the next is looked at: it survives a kill. */
  readonly deliveries: string;
}

export type Command = { readonly type: 'publish'; readonly text: string };
export type Report =
  | { readonly type: 'ready'; readonly addresses: readonly string[]; readonly author: string }
  | { readonly type: 'delivered'; readonly count: number }
  | { readonly type: 'published'; readonly id: string }
  | { readonly type: 'failed'; readonly text: string; readonly reason: string };

const REPORT_MS = 20;

function report(message: Report): void {
  if (process.connected) process.send?.(message);
}

async function main(init: NodeProcessInit): Promise<void> {
  const config = testConfig(init.data, {
    bootstrap: [...init.bootstrap],
    'log.level': 'warn',
    // an envelope for every message: what is counted here is envelopes
    'relay.packMessages': 1,
    'relay.lingerMs': 0,
    'relay.lingerBusyMs': 0,
  });
  const node = createNode({ logger: createLogger(config) }, { config, role: 'full', version: 'test' });
  const file = openSync(init.deliveries, 'a');
  let count = 0;
  await node.start();
  const name = { owner: node.owner, namespace: 'default', topic: init.topic };
  node.relay.subscribe(name, (delivery) => {
    writeSync(file, `${delivery.id} ${delivery.author} ${delivery.epoch} ${delivery.seq}\n`);
    count += 1;
  });
  process.on('message', (command: Command) => {
    node.relay.publish({ ...name, data: new TextEncoder().encode(command.text) }).then(
      (receipt) => report({ type: 'published', id: receipt.messageIds[0] ?? '' }),
      (error: unknown) => report({ type: 'failed', text: command.text, reason: String(error) }),
    );
  });
  process.on('disconnect', () => {
    closeSync(file);
    process.exit(0);
  });
  const { addresses, author } = node.status();
  report({ type: 'ready', addresses, author });
  setInterval(() => report({ type: 'delivered', count }), REPORT_MS);
}

await main(JSON.parse(process.argv[2] ?? '{}') as NodeProcessInit);
