import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Swarm } from '../../sim/storage/swarm.ts';
import { AskedProcess } from '../../support/asked-process.ts';
import { atMost, experiment, round, type Target } from '../../support/experiment.ts';
import { Content } from './content.ts';
import { Faults } from './faults.ts';
import type { LoopbackRequest } from './loopback.ts';
import { Memory } from './memory.ts';
import { gatewaysOf, NODES, untilCopied } from './places.ts';

const GATEWAYS = 2;
const MIB = 2 ** 20;
const FULL = {
  mib: 1024,
  /** After the start: what that left is collected, and meshes are formed. */
  idleMs: 5_000,
};
/** Memory growth above idle the issue allows each process. */
const GROWTH_MAX_MIB = 150;
/** Quota of a namespace at each node in file sizes: the files of the run and their staging; the default holds one such file. */
const QUOTA_FACTOR = 8;
const PLAIN = 1;

/** `npm run bench -- blob-transfer [MiB]`. */
export const blobTransferBench = experiment({
  name: 'blob-transfer',
  summary: `a file through ${NODES} nodes and ${GATEWAYS} light gateways, in at one and out at the other; killed in the middle and resumed; [MiB], ${FULL.mib} unless said`,
  full: FULL,
  smoke: { mib: 8, idleMs: 0 },
  async run(sizes, { progress, options: [mib = String(sizes.mib)] }) {
    const size = Number(mib) * MIB;
    const reference = await bare(size);
    progress(`two bare processes: ${round(reference)} MB/s`);
    const quota = String(QUOTA_FACTOR * size);
    const room = ['--storage-namespace-bytes', quota, '--storage-capacity-bytes', quota];
    const swarm = await Swarm.start(NODES, room);
    try {
      for (let index = 0; index < GATEWAYS; index++) await swarm.addGateway();
      await wait(sizes.idleMs);
      const plain = await transfer(swarm, size, progress);
      const faults = await new Faults(swarm, size, progress).run();
      return {
        name: 'blob-transfer',
        figures: { mib: Number(mib), bareMbPerS: round(reference), ...plain.figures, ...faults.figures },
        targets: [...plain.targets, ...faults.targets],
      };
    } finally {
      await swarm.stop();
    }
  },
});

/** Megabytes a second over HTTP on loopback, hashed, written and synced. */
async function bare(size: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-bench-'));
  const file = new URL('./loopback.ts', import.meta.url);
  const [server, client] = [new AskedProcess<LoopbackRequest>(file), new AskedProcess<LoopbackRequest>(file)];
  try {
    const url = await server.ask<string>({ type: 'serve', path: join(directory, 'file') });
    const ms = await client.ask<number>({ type: 'send', url, number: PLAIN, size });
    return mbPerS(size, ms);
  } finally {
    await Promise.all([server.stop(), client.stop()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** In at one gateway, out at the other, nothing goes wrong. */
async function transfer(
  swarm: Swarm,
  size: number,
  progress: (line: string) => void,
): Promise<{ figures: Record<string, unknown>; targets: Target[] }> {
  const [from, to] = gatewaysOf(swarm);
  const memories = [...swarm.members, ...swarm.gateways].map(({ name, pid }) => new Memory(name, pid));
  const content = new Content(PLAIN, size);
  const inMs = await timed(() => from.put('plain', content.read(), size));
  progress(`in: ${round(mbPerS(size, inMs))} MB/s`);
  let got = '';
  const outMs = await timed(async () => {
    got = (await to.get('plain')).sha.digest('hex');
  });
  progress(`out: ${round(mbPerS(size, outMs))} MB/s`);
  const copiesMs = await untilCopied(to, 'plain');
  for (const memory of memories) memory.note();
  const isSame = got === (await content.digest());
  const growths = memories.map(({ name, idleMib, growthMib }) => ({
    name,
    idleMib: round(idleMib, 0),
    growthMib: round(growthMib, 1),
  }));
  progress(`memory: ${JSON.stringify(growths)}`);
  return {
    figures: {
      inMbPerS: round(mbPerS(size, inMs)),
      outMbPerS: round(mbPerS(size, outMs)),
      copiesMs: round(copiesMs, 0),
      memory: growths,
    },
    targets: [
      atMost('files that came out otherwise', Number(!isSame), 0),
      ...growths.map(({ name, growthMib }) =>
        atMost(`${name}: peak MiB above idle`, growthMib, GROWTH_MAX_MIB),
      ),
    ],
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

function mbPerS(bytes: number, ms: number): number {
  return bytes / 1e6 / (ms / 1000);
}
