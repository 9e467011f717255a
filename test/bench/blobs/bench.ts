import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atMost, experiment, round, type Target } from '../../support/experiment.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** Above idle, whatever the size of the blob: what the issue allows a process. */
const GROWTH_MAX_MB = 157;

interface Report {
  readonly idleMb: number;
  readonly peakMb: number;
  readonly seconds: number;
  readonly digest: string;
}

async function run(what: string, directory: string, mib: number): Promise<Report> {
  const args = ['--max-semi-space-size=64', WORKER, what, directory, String(mib)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Report;
}

export const blobsBench = experiment({
  name: 'blobs',
  summary:
    'a blob into a store, out, to another store, scrubbed: peak memory of each process; [MiB], 256 unless said',
  full: { mib: 256 },
  smoke: { mib: 4 },
  async run(sizes, { progress, options: [size] }) {
    const mib = Number(size ?? sizes.mib);
    const directory = mkdtempSync(join(tmpdir(), 'maillon-blobs-'));
    const figures: Record<string, number> = { mib };
    const targets: Target[] = [];
    const digests: string[] = [];
    try {
      for (const what of ['in', 'out', 'fetch', 'scrub']) {
        const { idleMb, peakMb, seconds, digest } = await run(what, directory, mib);
        const growth = round(peakMb - idleMb, 1);
        progress(
          `${what}: ${round(mib / seconds, 0)} MiB/s, ${growth} MB above ${round(idleMb, 1)} MB at most`,
        );
        figures[`${what}MibPerSecond`] = round(mib / seconds, 1);
        figures[`${what}GrowthMb`] = growth;
        targets.push(atMost(`${what}: MB above idle`, growth, GROWTH_MAX_MB));
        digests.push(digest);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    targets.push(atMost('bytes that came out otherwise', Number(digests[0] !== digests[1]), 0));
    return { name: 'blobs', figures, targets };
  },
});
