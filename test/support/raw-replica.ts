/** A peer that speaks the storage protocol over bare libp2p, and says in it what it likes. */
import type { TestContext } from 'node:test';
import type { Stream } from '@libp2p/interface';
import type { MaillonNode } from '../../node/index.ts';
import {
  type Answers,
  decodeAnswer,
  decodeRecord,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type RequestOf,
  type RequestType,
  STORAGE_PROTOCOL,
  type Standing,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import { peerIdOf, replicaAnnouncement } from './announcements.ts';
import type { Author } from './envelopes.ts';
import { OWNER } from './owner.ts';
import { until } from './processes.ts';
import { RawPeer } from './raw-peer.ts';
import { namespaceIdOf, partitionNumber } from './records.ts';
import { crypto } from './store-records.ts';

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

/** A replica's reaction to a request: an answer as written on the wire, or nothing. */
export type Reaction = (id: number, request: StorageRequest, stream: Stream) => Promise<Uint8Array | null>;

/** The partition of a key of the owner's namespace `default`. */
export function partitionId(key: string): { namespaceId: Uint8Array; partition: number } {
  return { namespaceId: namespaceIdOf(OWNER.did, 'default'), partition: partitionNumber(key) };
}

/** One that asks a node, and can be a home that others ask. */
export class RawReplica {
  readonly peer: RawPeer;
  readonly id: string;
  /** Requests it was asked, by type. */
  readonly asked: Partial<Record<RequestType, number>> = {};
  /** Whether it ever got an answer. */
  isAnswered = false;
  react: Reaction = () => Promise.resolve(null);
  /** By partition of the namespace `default`. */
  readonly #views = new Map<number, string>();
  readonly #waiting = new Map<number, (frame: Uint8Array) => void>();
  #stream: Promise<Stream> | null = null;
  #nextId = 0;

  private constructor(peer: RawPeer) {
    this.peer = peer;
    this.id = peer.id;
  }

  /** Connected to `node`, of which it asks. */
  static async connect(t: TestContext, node: MaillonNode, as?: Author): Promise<RawReplica> {
    const replica = new RawReplica(await RawPeer.connect(t, node, as, [LOOPBACK]));
    await replica.peer.handle(STORAGE_PROTOCOL, (stream) => {
      readFrames(stream, (frame) => void replica.#answer(frame, stream));
    });
    return replica;
  }

  /** Announces that it offers room, and waits until all of `nodes` count it among the possible replicas. */
  static async join(t: TestContext, nodes: readonly MaillonNode[], as: Author): Promise<RawReplica> {
    const [node] = nodes;
    if (node === undefined) throw new Error('there is nobody to join');
    const replica = await RawReplica.connect(t, node, as);
    replica.peer.announce(replicaAnnouncement(as, replica.peer.port));
    if (replica.id !== peerIdOf(as)) throw new Error('its key is not its author');
    await until('it is a member', () =>
      nodes.every((one) => one.storage.status().members === nodes.length + 1),
    );
    return replica;
  }

  /** The answer of the node it is connected with. Throws `ReplicaError` for a refusal. */
  async ask<T extends RequestType>(request: RequestOf<T>): Promise<Answers[T]> {
    const id = this.#nextId++;
    const frame = await this.exchange(encodeRequest(id, request), id);
    return decodeAnswer(frame, request);
  }

  /** Sends the bytes of a request and gives those of the answer. Fails when the stream ends first. */
  async exchange(request: Uint8Array, id: number): Promise<Uint8Array> {
    const stream = await this.stream();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve);
      stream.addEventListener('close', () => reject(new Error('the stream ended')), { once: true });
      sendFrame(stream, request);
    });
  }

  /** The stream on which it asks; a new one when the last was ended. */
  async stream(): Promise<Stream> {
    const last = this.#stream;
    const stream = await last?.catch(() => null);
    if (stream?.status === 'open') return stream;
    // of those who found it closed the first opens another, for all
    if (this.#stream === last) this.#stream = this.#open();
    return this.stream();
  }

  async #open(): Promise<Stream> {
    const stream = await this.peer.open(STORAGE_PROTOCOL);
    readFrames(stream, (frame) => {
      this.isAnswered = true;
      const { id } = headOf(frame);
      this.#waiting.get(id)?.(frame);
      this.#waiting.delete(id);
    });
    return stream;
  }

  /** How an honest home stands to what `request` is about: what a liar says, too. */
  async standing(request: StorageRequest): Promise<Standing> {
    const partition = partitionOfRequest(request);
    const known = this.#views.get(partition);
    if (known !== undefined) return { setId: known, isSynced: true };
    const { setId } = await this.ask({ type: 'state', owner: OWNER.did, namespace: 'default', partition });
    this.#views.set(partition, setId);
    return { setId, isSynced: true };
  }

  async #answer(frame: Uint8Array, stream: Stream): Promise<void> {
    const { id, request } = decodeRequest(frame);
    this.asked[request.type] = (this.asked[request.type] ?? 0) + 1;
    const answer = await this.react(id, request, stream);
    if (answer !== null && stream.writeStatus === 'writable') sendFrame(stream, answer);
  }
}

function partitionOfRequest(request: StorageRequest): number {
  if ('partition' in request) return request.partition;
  if (request.type === 'get') return partitionNumber(request.key);
  return request.type === 'put' ? partitionNumber(decodeRecord(request.record, crypto).key) : 0;
}

/** Answers with what `make` gives, and everything else as a home that holds nothing and is not synced. */
export function answering(make: (request: StorageRequest) => Promise<Answers[RequestType] | null>): Reaction {
  return async (id, request) => {
    const answer = (await make(request)) ?? EMPTY[request.type];
    return encodeAnswer(id, request.type, answer as never);
  };
}

const UNSYNCED: Standing = { setId: '0'.repeat(16), isSynced: false };

/** A message of a reconciliation that asks nothing more. */
export const NOTHING_DIFFERS = Uint8Array.of(0x61);

const EMPTY: { readonly [T in RequestType]: Answers[T] } = {
  get: { ...UNSYNCED, held: null },
  put: { ...UNSYNCED, outcome: { status: 'stored' }, isDurable: true },
  list: { ...UNSYNCED, entries: [], next: null },
  fetch: { records: [null] },
  partitions: { entries: [], next: null },
  state: { ...UNSYNCED, isReplica: true, origin: null, count: 0, bytes: 0, fingerprint: new Uint8Array(16) },
  handover: UNSYNCED,
  reconcile: { ...UNSYNCED, message: NOTHING_DIFFERS },
  entries: { entries: [null] },
  has: { has: [false] },
  block: { bytes: null },
  prefetch: { blocks: 0, isWhole: false },
  blob: { blocks: 0, isWhole: false },
  gone: { gone: [] },
};

export function sendFrame(stream: Stream, frame: Uint8Array): void {
  stream.send(Buffer.concat([varint(frame.byteLength), frame]));
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function readFrames(stream: Stream, onFrame: (frame: Uint8Array) => void): void {
  let buffer = Buffer.alloc(0);
  stream.addEventListener('message', ({ data }) => {
    buffer = Buffer.concat([buffer, data.subarray()]);
    for (;;) {
      const end = buffer.findIndex((byte) => byte < 0x80);
      if (end < 0) return;
      const length = buffer
        .subarray(0, end + 1)
        .reduce((sum, byte, index) => sum + (byte & 0x7f) * 2 ** (7 * index), 0);
      if (buffer.byteLength < end + 1 + length) return;
      onFrame(Uint8Array.from(buffer.subarray(end + 1, end + 1 + length)));
      buffer = buffer.subarray(end + 1 + length);
    }
  });
}

/** Version and id stand behind the one byte of the head of the list; both are integers. */
function headOf(frame: Uint8Array): { id: number } {
  const setId = Buffer.from(frame);
  const first = setId[2] ?? 0;
  if (first < 24) return { id: first };
  if (first === 24) return { id: setId.readUInt8(3) };
  if (first === 25) return { id: setId.readUInt16BE(3) };
  return { id: setId.readUInt32BE(3) };
}
