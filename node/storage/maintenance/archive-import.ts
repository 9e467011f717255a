import type { BlobLink, GetBlock } from '../../../protocols/blobs/index.ts';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { badArchive } from '../../../protocols/common/car.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  blobOf,
  type Partitions,
  type RecordAdmission,
  type SignedRecord,
} from '../../../protocols/storage/index.ts';
import type { PartitionPlace, PutOutcome } from '../store/interface.ts';
import { type ArchiveRoot, decodeOwn, isCbor } from './archive-codec.ts';
import { BlockFeed } from './block-feed.ts';
import type { ImportOptions, ImportReport } from './interface.ts';

export interface ImporterComponents {
  readonly crypto: Crypto;
  readonly partitions: Partitions;
  readonly admission: RecordAdmission;
  /** Gets what is missing of the blob that a record refers to, and keeps it for that. Throws `no_room`, `blob_unavailable`. */
  readonly takeBlob: (
    place: PartitionPlace,
    record: SignedRecord,
    link: BlobLink,
    getBlock: GetBlock,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Keeps a verified record, whose blob is here. */
  readonly keep: (place: PartitionPlace, record: SignedRecord) => Promise<PutOutcome>;
}

/** The name under which an archive's content is accounted for, in place of a peer. */
const SENDER = 'archive';

interface Reason {
  readonly code: string;
  count: number;
  readonly example: string;
}

/** Takes an archive, block by block. */
export class Importer {
  readonly #components: ImporterComponents;
  readonly #options: ImportOptions;
  readonly #feed: BlockFeed;
  readonly #reasons = new Map<string, Reason>();
  #seen = 0;
  #records = 0;
  #blobs = 0;
  #refused = 0;
  #present = 0;

  constructor(components: ImporterComponents, source: AsyncIterable<Uint8Array>, options: ImportOptions) {
    this.#components = components;
    this.#options = options;
    this.#feed = new BlockFeed(components, source);
  }

  async run(): Promise<ImportReport> {
    let fault: ImportReport['fault'] = null;
    try {
      await this.#takeAll();
    } catch (error) {
      // what came before stays; whoever gave the archive hears of both
      if (!(error instanceof CodedError) || error.code !== 'bad_archive') throw error;
      fault = { code: error.code, message: error.message };
    }
    return { ...this.#progress, reasons: [...this.#reasons.values()], fault };
  }

  get #progress() {
    return {
      bytes: this.#feed.bytes,
      records: this.#records,
      blobs: this.#blobs,
      refused: this.#refused,
      present: this.#present,
    };
  }

  async #takeAll(): Promise<void> {
    let last: { cid: Uint8Array; root: ArchiveRoot } | null = null;
    for (let block = await this.#feed.take(); block !== null; block = await this.#feed.take()) {
      this.#options.signal.throwIfAborted();
      // of a blob that was not wanted
      if (!isCbor(block.cid)) continue;
      const own = decodeOwn(block.bytes);
      if (own === null) await this.#record(block.bytes);
      else if (own.root !== null) last = { cid: block.cid, root: own.root };
      this.#options.onProgress?.(this.#progress);
    }
    if (last === null || this.#feed.root === null || !equalBytes(last.cid, this.#feed.root)) {
      throw badArchive('it was cut off, or never ended');
    }
    if (last.root.records !== this.#seen) {
      throw badArchive(`it has ${this.#seen} of the ${last.root.records} records that its root counts`);
    }
  }

  async #record(bytes: Uint8Array): Promise<void> {
    const { admission, partitions, keep } = this.#components;
    this.#seen += 1;
    try {
      // verified as what any stranger sends; its author may have signed it long ago
      const record = await admission.admit(bytes, SENDER, 'asked');
      const { owner, namespace } = record;
      const place = { ...partitions.of(record), owner, namespace };
      const link = blobOf(record);
      if (link !== null) await this.#blob(place, record, link);
      this.#note(await keep(place, record), record);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (!(error instanceof CodedError) || error.code === 'bad_archive') throw error;
      this.#refuse(error.code, error.message);
    }
  }

  async #blob(place: PartitionPlace, record: SignedRecord, link: BlobLink): Promise<void> {
    await this.#components.takeBlob(place, record, link, this.#feed.getBlock, this.#options.signal);
    this.#blobs += 1;
  }

  #note(outcome: PutOutcome, { key }: SignedRecord): void {
    if (outcome.status === 'stored') this.#records += 1;
    else if (outcome.status === 'no_room')
      this.#refuse(outcome.reason === 'quota' ? 'over_quota' : 'no_room', key);
    // this, or a newer one
    else this.#present += 1;
  }

  #refuse(code: string, example: string): void {
    this.#refused += 1;
    const known = this.#reasons.get(code);
    if (known === undefined) this.#reasons.set(code, { code, count: 1, example });
    else known.count += 1;
  }
}
