import { sleep, type TimerClock } from '../../../protocols/common/clock.ts';
import type { BlobStore, ScrubReport as BlocksReport } from '../../blobs/interface.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { EventLog } from '../../observability/events.ts';
import type { Scrubbed, ScrubOptions, ScrubProgress, ScrubReport } from './interface.ts';
import { BLOCKS_PATIENCE_MS, BLOCKS_POLL_MS, NAMED_MAX } from './limits.ts';
import type { MaintenanceMetrics } from './metrics.ts';
import { noteBlobs } from './note-blobs.ts';
import { RecordScrub, type RecordScrubbed, type RecordScrubComponents } from './record-scrub.ts';
import type { ScrubState } from './scrub-file.ts';

export interface ScrubComponents extends Omit<RecordScrubComponents, 'onCatalogueDamage'> {
  readonly clock: TimerClock;
  readonly blobs: LocalBlobs;
  /** Releases blobs that no record refers to, and fetches incomplete ones again. */
  readonly sweepBlobs: () => Promise<void>;
  readonly metrics: MaintenanceMetrics;
  readonly events: EventLog;
}

export interface ScrubInit extends Omit<ScrubOptions, 'bytesPerSecond'> {
  readonly swarm: string;
  readonly bytesPerSecond: number;
  readonly from: Pick<ScrubState, 'record' | 'block'>;
  readonly onPosition: (position: Pick<ScrubState, 'record' | 'block'>) => void;
}

const NO_BLOCKS: BlocksReport = { blocks: 0, bytes: 0, broken: 0, named: [] };

/** Reads and verifies everything, records first, and has others give what is broken. */
export async function scrub(components: ScrubComponents, init: ScrubInit): Promise<ScrubReport> {
  const { clock, store, blobs } = components;
  const startedAt = clock.now();
  const totalBytes = store.usage().bytes + blobs.usedBytes;
  const progress = { records: 0, blocks: 0, bytes: 0, broken: 0, totalBytes };
  const tell = (some: Partial<ScrubProgress>): void => init.onProgress?.(Object.assign(progress, some));
  const records = await scrubRecords(components, init, (read) => {
    tell({ records: progress.records + read.records, bytes: progress.bytes + read.bytes });
  });
  tell({ broken: records.broken });
  const blocks = await scrubBlobs(components, init, (done) => {
    tell({ blocks: done.blocks, bytes: records.bytes + done.bytes });
  });
  const { reset, unrepaired, ...counts } = records;
  const named = [...unrepaired, ...blocks.unrepaired].slice(0, NAMED_MAX);
  const { unrepaired: _, ...blockCounts } = blocks;
  const report = { records: counts, blocks: blockCounts, reset, unrepaired: named };
  note(components, report);
  return { ...report, startedAt, endedAt: clock.now() };
}

async function scrubRecords(
  components: ScrubComponents,
  { swarm, bytesPerSecond, from, signal, onPosition }: ScrubInit,
  onRead: (read: { readonly records: number; readonly bytes: number }) => void,
): Promise<RecordScrubbed> {
  const { blobs, events, metrics, sweepBlobs } = components;
  const onCatalogueDamage = async (reason: string): Promise<void> => {
    await blobs.reset(reason);
    events.report('blobs_damaged', { reason });
    await noteBlobs(components, signal);
    await sweepBlobs();
  };
  const scrub = new RecordScrub(
    { ...components, onCatalogueDamage },
    {
      swarm,
      catalogue: blobs.opened?.cataloguePath ?? null,
      bytesPerSecond,
      after: from.record,
      signal,
      onRead: (read) => {
        metrics.recordsScrubbed += read.records;
        onRead(read);
        onPosition({ record: read.position, block: from.block });
      },
    },
  );
  return scrub.run();
}

/** A block that is broken is fetched again by whoever keeps blobs: this waits a while for that. */
async function scrubBlobs(
  components: ScrubComponents,
  { bytesPerSecond, from, signal, onPosition }: ScrubInit,
  onRead: (done: { readonly blocks: number; readonly bytes: number }) => void,
): Promise<Scrubbed & { readonly unrepaired: readonly string[] }> {
  const store = components.blobs.opened;
  const report =
    (await store?.scrub({
      after: from.block,
      bytesPerSecond,
      signal,
      onProgress: (done) => {
        onRead(done);
        onPosition({ record: Number.MAX_SAFE_INTEGER, block: done.position });
      },
    })) ?? NO_BLOCKS;
  const { blocks: read, bytes, broken, named } = report;
  if (broken === 0 || store === null) return { read, bytes, broken, repaired: 0, unrepaired: [] };
  const left = Math.min(broken, await leftBroken(store, components, signal));
  const unrepaired = left === 0 ? [] : named.map((cid) => `block ${cid}`);
  return { read, bytes, broken, repaired: broken - left, unrepaired };
}

async function leftBroken(
  store: BlobStore,
  { clock, sweepBlobs }: ScrubComponents,
  signal: AbortSignal,
): Promise<number> {
  const deadline = clock.monotonicNow() + BLOCKS_PATIENCE_MS;
  while (store.brokenCount() > 0 && clock.monotonicNow() < deadline) {
    await sweepBlobs();
    await sleep(clock, BLOCKS_POLL_MS, signal);
  }
  return store.brokenCount();
}

function note(
  { metrics, events }: ScrubComponents,
  { records, blocks, reset, unrepaired }: Omit<ScrubReport, 'startedAt' | 'endedAt'>,
): void {
  metrics.scrubs += 1;
  metrics.broken += records.broken + blocks.broken;
  metrics.repaired += records.repaired + blocks.repaired;
  const read = { records: records.read, blocks: blocks.read };
  const found = { broken: records.broken + blocks.broken, repaired: records.repaired + blocks.repaired };
  events.report('scrub_ended', { ...read, ...found, isReset: reset !== null });
  if (unrepaired.length > 0) events.report('scrub_unrepaired', { unrepaired });
}
