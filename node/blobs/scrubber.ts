import { setTimeout as delay } from 'node:timers/promises';
import { cidText } from '../../protocols/blobs/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Catalogue } from './catalogue.ts';
import type { BlobStoreMetrics, ScrubOptions, ScrubReport } from './interface.ts';
import { SCRUB_BLOCKS, SCRUB_NAMED_MAX } from './limits.ts';

const SECOND_MS = 1000;
/** Timers cannot wait for weeks. */
const PAUSE_MAX_MS = 60_000;

export interface ScrubberComponents {
  readonly catalogue: Catalogue;
  readonly metrics: BlobStoreMetrics;
  /** Reads and verifies a block; marks one that is broken. */
  readonly read: (cid: Uint8Array) => Promise<Uint8Array>;
}

/** Reads every block at a set rate. One that was written meanwhile may be read or not. */
export async function scrubBlocks(
  { catalogue, metrics, read }: ScrubberComponents,
  { after: from = 0, bytesPerSecond, signal, onProgress }: ScrubOptions,
): Promise<ScrubReport> {
  const startedAt = performance.now();
  const named: string[] = [];
  let blocks = 0;
  let bytes = 0;
  let broken = 0;
  let after = from;
  for (;;) {
    const page = catalogue.blocksAfter(after, SCRUB_BLOCKS);
    for (const { id, cid } of page) {
      signal.throwIfAborted();
      after = id;
      try {
        bytes += (await read(cid)).byteLength;
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== 'corrupt') throw error;
        // one that was collected since the page was read is no loss
        if (catalogue.block(cid) === null) continue;
        broken += 1;
        if (named.length < SCRUB_NAMED_MAX) named.push(cidText(cid));
      }
      blocks += 1;
      metrics.blocksScrubbed += 1;
      const dueAt = startedAt + (bytes / bytesPerSecond) * SECOND_MS;
      while (performance.now() < dueAt) {
        await delay(Math.min(dueAt - performance.now(), PAUSE_MAX_MS), undefined, { signal });
      }
    }
    onProgress?.({ blocks, bytes, position: after });
    if (page.length === 0) return { blocks, bytes, broken, named };
  }
}
