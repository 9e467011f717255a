import { setImmediate as turn } from 'node:timers/promises';
import { parseCid } from '../../protocols/blobs/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { BlockFiles } from './block-files.ts';
import type { Catalogue, UnusedQuery } from './catalogue.ts';
import type { BlobStoreMetrics, CollectReach, CollectReport } from './interface.ts';
import { COLLECT_FILES, COLLECT_ROWS, EMPTY_UPLOAD_LIFE_MS, UNREFERENCED_PART_GRACE_MS } from './limits.ts';

export interface CollectorComponents {
  readonly files: BlockFiles;
  readonly catalogue: Catalogue;
  /** Ends the uploads that nobody went on with since then, or since the second time where nothing came of them. How many. */
  readonly endStale: (before: number, emptyBefore: number) => number;
  /** Whether a blob that nothing refers to is on its way to its replicas. */
  readonly isKept: (cid: Uint8Array) => boolean;
  readonly clock: Clock;
  readonly metrics: BlobStoreMetrics;
  readonly signal: AbortSignal;
}

export interface CollectorInit {
  readonly graceMs: number;
  readonly uploadLifeMs: number;
  /** Files of before it may be unknown to the catalogue because that is new. */
  readonly openedAt: number;
  readonly reach: CollectReach;
}

/** Removes unneeded blobs and blocks in small batches, so that client requests run between them. */
export async function collectUnused(
  components: CollectorComponents,
  { graceMs, uploadLifeMs, openedAt, reach }: CollectorInit,
): Promise<CollectReport> {
  const now = components.clock.now();
  const before = now - graceMs;
  const emptyLifeMs = Math.min(EMPTY_UPLOAD_LIFE_MS, uploadLifeMs);
  const uploads = components.endStale(now - uploadLifeMs, now - emptyLifeMs);
  const partBefore = now - Math.min(UNREFERENCED_PART_GRACE_MS, graceMs);
  const blobs = await dismantleUnused(components, { before, partBefore, takesReleased: reach !== 'ended' });
  const { blocks, bytes } = await removeUnused(components, before);
  if (reach === 'files' && openedAt < before) await removeUnknown(components, before);
  return { blobs, blocks, bytes, uploads };
}

async function dismantleUnused(
  { catalogue, isKept, signal }: CollectorComponents,
  which: Omit<UnusedQuery, 'isKept'>,
): Promise<number> {
  for (let blobs = 0; ; blobs++) {
    signal.throwIfAborted();
    // on disk before its first file goes: after a loss of power it must not be whole again
    const blob = catalogue.durably(() => catalogue.takeUnused({ ...which, isKept }));
    if (blob === null) return blobs;
    while (!catalogue.transaction(() => catalogue.dismantle(blob, COLLECT_ROWS))) await turn();
    await turn();
  }
}

/** A file goes with its row in one turn of the event loop, so that nobody takes it for there in between. */
async function removeUnused(
  { catalogue, files, metrics, signal }: CollectorComponents,
  before: number,
): Promise<{ blocks: number; bytes: number }> {
  const removed = { blocks: 0, bytes: 0 };
  for (;;) {
    signal.throwIfAborted();
    const count = catalogue.transaction(() => {
      const blocks = catalogue.unusedBlocks(before, COLLECT_FILES);
      for (const { id, cid, bytes } of blocks) {
        files.remove(cid);
        catalogue.removeBlock(id);
        removed.blocks += 1;
        removed.bytes += bytes;
      }
      return blocks.length;
    });
    metrics.blocksCollected += count;
    if (count === 0) return removed;
    await turn();
  }
}

/** Files that the catalogue does not know: written, and not noted before the process was killed. */
async function removeUnknown(
  { catalogue, files, signal }: CollectorComponents,
  before: number,
): Promise<void> {
  for (const shard of files.shards()) {
    signal.throwIfAborted();
    for (const { name, writtenAt } of files.entries(shard)) {
      const cid = parseCid(name);
      if (cid !== null && writtenAt < before && catalogue.block(cid) === null) files.remove(cid);
    }
    await turn();
  }
}
