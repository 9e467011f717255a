import { join } from 'node:path';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import type { ExporterComponents } from './archive-export.ts';
import type { ImporterComponents } from './archive-import.ts';
import { Background } from './background.ts';
import type {
  CollectReport,
  ExportOptions,
  ImportOptions,
  ImportReport,
  MaintenanceStatus,
  ScrubOptions,
  ScrubReport,
  StorageMaintenance,
} from './interface.ts';
import { createMaintenanceMetrics, type MaintenanceGauges, type MaintenanceMetrics } from './metrics.ts';
import { noteBlobs } from './note-blobs.ts';
import type { ScrubComponents } from './scrub.ts';
import { readScrubState, type ScrubState, writeScrubState } from './scrub-file.ts';

export interface MaintenanceComponents
  extends Omit<ScrubComponents, 'metrics'>,
    Omit<ExporterComponents, 'blobs' | 'clock'>,
    ImporterComponents {
  /** Hands imported records to their replicas soon. */
  readonly scheduleNow: () => void;
}

export interface MaintenanceInit {
  readonly swarm: string;
  /** Storage service's directory. */
  readonly directory: string;
  readonly scrubEveryMs: number;
  readonly scrubBytesPerSecond: number;
}

/** Between two notes of how far a scrub has come. */
const NOTE_MS = 30_000;

type Work = 'scrub' | 'collect' | 'import';

const NAMES: Readonly<Record<Work, string>> = {
  scrub: 'a scrub',
  collect: 'a collection',
  import: 'an import',
};

/** The upkeep of a node's store: by itself, and when its operator asks. */
export class Maintenance implements StorageMaintenance, MaintenanceGauges {
  readonly metrics: MaintenanceMetrics = createMaintenanceMetrics();
  readonly #components: MaintenanceComponents;
  readonly #init: MaintenanceInit;
  readonly #background: Background;
  readonly #running = new Set<Work>();
  readonly #underWay = new Set<Promise<unknown>>();
  #stopping = new AbortController();
  #state: ScrubState;
  #lastScrub: ScrubReport | null = null;
  #lastCollect: CollectReport | null = null;

  constructor(components: MaintenanceComponents, init: MaintenanceInit) {
    this.#components = components;
    this.#init = init;
    this.#state = readScrubState(this.#statePath);
    const { clock, logger } = components;
    this.#background = new Background(
      {
        clock,
        logger,
        scrubbedAt: () => this.#state.endedAt,
        scrub: () => this.#scrub({ signal: this.#stopping.signal }, this.#state),
        compact: () => this.#compact(this.#stopping.signal, false),
      },
      { everyMs: init.scrubEveryMs },
    );
  }

  start(): void {
    this.#background.start();
    // a catalogue that was damaged was set aside when it was opened
    if (this.#components.blobs.metrics.resets > 0) void this.#noteBlobs();
  }

  /** Aborts maintenance under way. */
  async stop(): Promise<void> {
    this.#background.stop();
    this.#stopping.abort(new CodedError('stopping', 'this node is stopping'));
    await Promise.allSettled(this.#underWay);
  }

  get scrubAgeSeconds(): number | null {
    const { endedAt } = this.#state;
    return endedAt === 0 ? null : Math.max(0, this.#components.clock.now() - endedAt) / 1000;
  }

  status(): MaintenanceStatus {
    return {
      scrub: { isRunning: this.#running.has('scrub'), last: this.#lastScrub },
      collect: { isRunning: this.#running.has('collect'), last: this.#lastCollect },
    };
  }

  scrub(options: ScrubOptions): Promise<ScrubReport> {
    return this.#scrub(options, { record: 0, block: 0 });
  }

  collect({ signal }: { readonly signal: AbortSignal }): Promise<CollectReport> {
    return this.#alone('collect', signal, async (until) => {
      const { sweepBlobs, blobs } = this.#components;
      await sweepBlobs();
      until.throwIfAborted();
      const removed = await blobs.collectNow();
      const databaseBytes = await this.#compact(until, true);
      const { blobs: count, blocks, uploads, bytes } = removed;
      this.#lastCollect = { blobs: count, blocks, uploads, blockBytes: bytes, databaseBytes };
      return this.#lastCollect;
    });
  }

  async *export({ signal, ...options }: ExportOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const { blobs } = this.#components;
    const until = AbortSignal.any([signal, this.#stopping.signal]);
    const components = { ...this.#components, blobs: () => blobs.opened };
    const { Exporter } = await import('./archive-export.ts');
    yield* new Exporter(components, { ...options, signal: until, swarm: this.#init.swarm }).run();
  }

  import(source: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<ImportReport> {
    return this.#alone('import', options.signal, async (signal) => {
      const { Importer } = await import('./archive-import.ts');
      const report = await new Importer(this.#components, source, { ...options, signal }).run();
      this.#components.scheduleNow();
      return report;
    });
  }

  async #noteBlobs(): Promise<void> {
    const { logger, sweepBlobs } = this.#components;
    const done = noteBlobs(this.#components, this.#stopping.signal).then(sweepBlobs);
    this.#underWay.add(done);
    await done.catch((error: unknown) => {
      logger.warn(
        { reason: errorMessage(error) },
        'what records refer to was not noted anew: a scrub does it',
      );
    });
    this.#underWay.delete(done);
  }

  async #compact(signal: AbortSignal, isThorough: boolean): Promise<number> {
    const { store, blobs } = this.#components;
    const { bytes } = await store.care.compact({ signal, isThorough });
    const ofBlobs = (await blobs.opened?.compact(signal)) ?? 0;
    this.metrics.reclaimedBytes += bytes + ofBlobs;
    return bytes + ofBlobs;
  }

  #scrub(
    { bytesPerSecond, signal, onProgress }: ScrubOptions,
    from: Pick<ScrubState, 'record' | 'block'>,
  ): Promise<ScrubReport> {
    return this.#alone('scrub', signal, async (until) => {
      const { swarm, scrubBytesPerSecond } = this.#init;
      const { scrub } = await import('./scrub.ts');
      const { clock } = this.#components;
      let notedAt = clock.monotonicNow();
      const report = await scrub(
        { ...this.#components, metrics: this.metrics },
        {
          swarm,
          bytesPerSecond: bytesPerSecond ?? scrubBytesPerSecond,
          from,
          signal: until,
          ...(onProgress === undefined ? {} : { onProgress }),
          onPosition: (position) => {
            this.#state = { ...this.#state, ...position };
            if (clock.monotonicNow() - notedAt < NOTE_MS) return;
            notedAt = clock.monotonicNow();
            this.#note();
          },
        },
      );
      this.#state = { endedAt: report.endedAt, record: 0, block: 0 };
      this.#note();
      this.#lastScrub = report;
      return report;
    });
  }

  #note(): void {
    try {
      writeScrubState(this.#statePath, this.#state);
    } catch {
      // on a full disk it begins earlier the next time
    }
  }

  get #statePath(): string {
    return join(this.#init.directory, 'scrub');
  }

  /** One of a kind at a time, until the node stops. */
  async #alone<T>(work: Work, signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#running.has(work)) {
      throw new CodedError('busy', `${NAMES[work]} is under way: try again when it has ended`);
    }
    this.#running.add(work);
    const done = act(AbortSignal.any([signal, this.#stopping.signal]));
    this.#underWay.add(done);
    try {
      return await done;
    } finally {
      this.#underWay.delete(done);
      this.#running.delete(work);
    }
  }
}
