import { type BlobLink, encodeBlobLink } from '../../../protocols/blobs/index.ts';
import { concatBytes } from '../../../protocols/common/bytes.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  blobOf,
  INLINE_MAX_BYTES,
  KIND_BLOB,
  KIND_VALUE,
  type Partitions,
} from '../../../protocols/storage/index.ts';
import type { BlobStore, Upload } from '../../blobs/interface.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type {
  BeginOptions,
  Durability,
  NamespaceRef,
  PutOptions,
  RecordName,
  WriteReceipt,
} from '../api/interface.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import { checkName, checkNames, checkPut } from '../rpc/requests.ts';
import type { BlobReplicator, SpreadRequest } from './blob-replicator.ts';
import type { Content, Coordinator } from './coordinator.ts';

export interface ValueWriterComponents {
  readonly coordinator: Coordinator;
  readonly spreader: BlobReplicator;
  readonly blobs: LocalBlobs;
  readonly partitions: Partitions;
  readonly places: ReplicaPlacement;
}

type Bytes = Uint8Array | AsyncIterable<Uint8Array>;

const NEVER = new AbortController().signal;

/**
 * Writes values of any length: a short one is part of its record, a long one is replicated as a blob before its record.
 */
export class ValueWriter {
  readonly #components: ValueWriterComponents;
  #stopping = new AbortController();

  constructor(components: ValueWriterComponents) {
    this.#components = components;
  }

  start(): void {
    this.#stopping = new AbortController();
  }

  /** Aborts the writes under way to replicas. */
  stop(): void {
    this.#stopping.abort(new CodedError('not_running', 'this node is stopping'));
  }

  async put(name: RecordName, value: Bytes, options: PutOptions): Promise<WriteReceipt> {
    checkName(name);
    checkPut(options);
    const { coordinator } = this.#components;
    const size = value instanceof Uint8Array ? value.byteLength : options.size;
    // a client that waits with its bytes sends none of what is refused
    if (size !== undefined && size > INLINE_MAX_BYTES) await this.#checkLong(name, size, options);
    const { inline, stream, leave } = await beginningOf(value);
    if (inline !== null) return coordinator.put(name, { kind: KIND_VALUE, value: inline }, options);
    let upload: Upload | null = null;
    try {
      if (size === undefined) await coordinator.check(name, options);
      upload = this.#blobs.begin(this.#components.partitions.namespaceId(name), { isResumable: false });
      const link = await upload.finish(stream, options.signal ?? NEVER, size);
      return await this.#spreadAndPut(name, link, options);
    } catch (error) {
      // on a disk that fails, or in a store that is closed, it ends with the next start
      await upload?.cancel().catch(() => undefined);
      throw error;
    } finally {
      await leave();
    }
  }

  /** Throws the error that the write would throw now, before its client sends the body. */
  async #checkLong(name: RecordName, size: number, options: PutOptions): Promise<void> {
    await this.#components.coordinator.check(name, options);
    await this.#blobs.makeRoom(this.#components.partitions.namespaceId(name), size);
  }

  async putBlob(name: RecordName, link: BlobLink, options: PutOptions): Promise<WriteReceipt> {
    checkName(name);
    checkPut(options);
    await this.#components.coordinator.check(name, options);
    return this.#spreadAndPut(name, link, options);
  }

  /** Writes a record that its author signed elsewhere. The blob that it links is at this node, or at replicas. */
  async submitSigned(bytes: Uint8Array, durability: Durability): Promise<WriteReceipt> {
    const { coordinator } = this.#components;
    const record = await coordinator.read(bytes);
    const link = blobOf(record);
    if (link === null) return coordinator.submitSigned(record, durability);
    const request = { durability, sign: () => Promise.resolve(record), signal: NEVER };
    return this.#spread(record, link, request, () => coordinator.submitSigned(record, durability));
  }

  /** `size`: bytes it will have, where that is known. Throws `over_quota`, `no_room`. */
  async begin(namespace: NamespaceRef, { size, ...options }: BeginOptions): Promise<Upload> {
    checkNames(namespace);
    const namespaceId = this.#components.partitions.namespaceId(namespace);
    if (size !== undefined) await this.#blobs.makeRoom(namespaceId, size);
    return this.#blobs.begin(namespaceId, options);
  }

  /** Throws `not_found`. */
  resume(namespace: NamespaceRef, id: string): Upload {
    checkNames(namespace);
    return this.#blobs.resume(this.#components.partitions.namespaceId(namespace), id);
  }

  #spreadAndPut(name: RecordName, link: BlobLink, options: PutOptions): Promise<WriteReceipt> {
    const { coordinator } = this.#components;
    const content: Content = { kind: KIND_BLOB, value: encodeBlobLink(link) };
    const { durability = 'majority', signal = NEVER } = options;
    const request = { durability, sign: () => coordinator.sign(name, content, options), signal };
    return this.#spread(name, link, request, () => coordinator.put(name, content, options));
  }

  /** Puts the record once the replicas have the blob. */
  async #spread(
    name: RecordName,
    link: BlobLink,
    request: Omit<SpreadRequest, 'partition' | 'link'>,
    put: () => Promise<WriteReceipt>,
  ): Promise<WriteReceipt> {
    const { spreader, partitions } = this.#components;
    // the replicas have it in the end, this node among them only where it refers to it
    const release = this.#components.blobs.opened?.retain(link.cid);
    try {
      const signal = AbortSignal.any([request.signal, this.#stopping.signal]);
      await spreader.spread({ ...request, link, signal, partition: partitions.of(name) });
      return await put();
    } finally {
      await release?.();
    }
  }

  get #blobs(): BlobStore {
    return this.#components.blobs.store();
  }
}

/** All of a short value; else a stream of the whole, and how its source is told that no more is wanted. */
type Beginning =
  | { readonly inline: Uint8Array; readonly stream: null; readonly leave: null }
  | {
      readonly inline: null;
      readonly stream: AsyncIterable<Uint8Array>;
      readonly leave: () => Promise<void>;
    };

async function beginningOf(value: Bytes): Promise<Beginning> {
  if (value instanceof Uint8Array) {
    if (value.byteLength <= INLINE_MAX_BYTES) return { inline: value, stream: null, leave: null };
    return { inline: null, stream: streamOf([value], null), leave: async () => undefined };
  }
  const source = value[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= INLINE_MAX_BYTES) {
    const { done, value: piece } = await source.next();
    if (done === true) return { inline: concatBytes(...pieces), stream: null, leave: null };
    pieces.push(piece);
    bytes += piece.byteLength;
  }
  const leave = async (): Promise<void> => {
    try {
      await source.return?.();
    } catch {
      // what came of it is known already
    }
  };
  return { inline: null, stream: streamOf(pieces, source), leave };
}

async function* streamOf(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces;
  for (let next = await rest?.next(); next?.done === false; next = await rest?.next()) yield next.value;
}
