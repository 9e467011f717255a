import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../gateway/client/index.ts';
import { atMost, experiment, quantile, type Result, round } from '../support/experiment.ts';

const MAIN = fileURLToPath(new URL('../../gateway/cli/main.ts', import.meta.url));
const FULL = { nodes: 5, messages: 300, warmUp: 50 };
type Sizes = typeof FULL;
const GATEWAYS = 2;
/** Between two messages: the swarm is idle when one is published. */
const PAUSE_MS = 25;
const TOPIC = 'latency';

/** Latency for a user of a small swarm: published at one gateway, received at another. */
export const gatewayBench = experiment({
  name: 'gateway',
  summary: `${FULL.nodes} nodes and ${GATEWAYS} light gateways: published at one gateway, received at the other, idle`,
  full: FULL,
  smoke: { nodes: 2, messages: 5, warmUp: 1 },
  async run(sizes, { progress }) {
    const swarm = spawn(
      process.execPath,
      [MAIN, 'swarm', '--nodes', `${sizes.nodes}`, '--gateways', `${GATEWAYS}`],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    try {
      const [from = '', to = ''] = await gatewayUrls(swarm);
      progress(`from ${from} to ${to}`);
      return summarise(sizes, await measure(from, to, sizes));
    } finally {
      swarm.kill('SIGINT');
      await once(swarm, 'exit');
    }
  },
});

async function gatewayUrls(swarm: ChildProcess): Promise<string[]> {
  if (swarm.stdout === null) throw new Error('the swarm has no output');
  for await (const line of createInterface({ input: swarm.stdout })) {
    const { gateways } = JSON.parse(line) as { gateways: { url: string }[] };
    return gateways.map(({ url }) => url);
  }
  throw new Error('the swarm did not come up');
}

/** Milliseconds from the publish call to the message at the other gateway's client, one at a time. */
async function measure(from: string, to: string, { messages: count, warmUp }: Sizes): Promise<number[]> {
  const publisher = createClient({ url: from });
  const stop = new AbortController();
  const stream = createClient({ url: to }).subscribe({ topic: TOPIC, signal: stop.signal });
  await stream.ready;
  const messages = stream[Symbol.asyncIterator]();
  const latencies: number[] = [];
  for (let index = 0; index < warmUp + count; index++) {
    const startedAt = performance.now();
    const [next] = await Promise.all([
      messages.next(),
      publisher.publish({ topic: TOPIC, data: `${index}` }),
    ]);
    if (next.done === true || new TextDecoder().decode(next.value.data) !== `${index}`) {
      throw new Error(`message ${index} did not come`);
    }
    if (index >= warmUp) latencies.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  stop.abort();
  return latencies;
}

function summarise({ nodes }: Sizes, latencies: readonly number[]): Result {
  const p50Ms = round(quantile(latencies, 0.5));
  const p99Ms = round(quantile(latencies, 0.99));
  return {
    name: 'gateway',
    figures: { nodes, gateways: GATEWAYS, messages: latencies.length, p50Ms, p99Ms },
    targets: [atMost('p50 in ms from gateway to gateway, idle', p50Ms, 20)],
  };
}
