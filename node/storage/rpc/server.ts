import type { Connection, Stream } from '@libp2p/interface';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  decodeRequest,
  encodeAnswer,
  encodeError,
  REQUESTS_MAX,
  type RecordAdmission,
  ReplicaError,
  type RequestQuotas,
  type RequestType,
  readFrameHead,
  STORAGE_PROTOCOL,
  StorageError,
  type StorageRequest,
} from '../../../protocols/storage/index.ts';
import type { Network } from '../../network/libp2p.ts';
import type { Logger } from '../../observability/logger.ts';
import { Frames } from '../../transport/frames.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import { ANSWERING_MAX, STREAMS_PER_CONNECTION, UNREAD_MAX_BYTES } from '../api/limits.ts';

export interface RpcServerComponents {
  readonly network: Network;
  readonly admission: RecordAdmission;
  readonly quotas: RequestQuotas;
  readonly logger: Logger;
  readonly metrics: StorageServiceMetrics;
  /** Does what is asked. Throws `StorageError` and `ReplicaError`, which the peer is told; anything else is a fault of ours. */
  readonly answer: (request: StorageRequest, peer: string) => Promise<Answers[RequestType]>;
}

/** Faults behind a frame's head: they are answered, and the stream goes on. */
const ANSWERED: ReadonlySet<string> = new Set(['frame_type']);

/** Answers peers: takes frames off their streams one after another, and works at a bounded number of them. */
export class RpcServer {
  readonly #components: RpcServerComponents;
  readonly #answering = new ConcurrencyLimit({ max: ANSWERING_MAX, maxPerKey: REQUESTS_MAX });
  readonly #open = new Set<Frames>();

  constructor(components: RpcServerComponents) {
    this.#components = components;
  }

  get answering(): number {
    return this.#answering.size;
  }

  async start(): Promise<void> {
    await this.#components.network.handle(
      STORAGE_PROTOCOL,
      (stream, connection) => this.#handle(stream, connection),
      { maxInboundStreams: STREAMS_PER_CONNECTION, maxOutboundStreams: STREAMS_PER_CONNECTION },
    );
  }

  async stop(): Promise<void> {
    await this.#components.network.unhandle(STORAGE_PROTOCOL);
    for (const frames of this.#open) frames.abort(new Error('this node is stopping'));
    this.#open.clear();
  }

  #handle(stream: Stream, { remotePeer }: Connection): void {
    const peer = remotePeer.toString();
    if (this.#components.admission.isGraylisted(peer)) {
      stream.abort(new Error('this peer is not listened to'));
      return;
    }
    const frames: Frames = new Frames(stream, {
      onFrame: (frame) => this.#take(frames, frame, peer),
      onEnd: () => this.#open.delete(frames),
    });
    if (frames.isOpen) this.#open.add(frames);
  }

  /** Throws when the stream is of no more use. */
  #take(frames: Frames, frame: Uint8Array, peer: string): void {
    const { admission, quotas, metrics } = this.#components;
    // it may have come to that on this very stream
    if (admission.isGraylisted(peer)) throw new Error('this peer is not listened to');
    const { id } = readFrameHead(frame);
    let request: StorageRequest;
    try {
      ({ request } = decodeRequest(frame));
    } catch (error) {
      if (error instanceof StorageError) admission.refuse(peer, error);
      if (!(error instanceof StorageError) || !ANSWERED.has(error.code)) throw error;
      this.#send(frames, encodeError(id, error.code, error.message));
      return;
    }
    metrics.requests[request.type] += 1;
    if (!quotas.take(peer, request.type)) {
      metrics.requestsLimited += 1;
      this.#send(frames, encodeError(id, 'rate_limited', 'too many requests of this kind'));
      return;
    }
    const release = this.#answering.tryAcquire(peer);
    if (release === null) {
      metrics.requestsLimited += 1;
      this.#send(frames, encodeError(id, 'overloaded', 'too many requests at once'));
      return;
    }
    this.#answer(frames, id, request, peer)
      .finally(release)
      .catch(() => undefined);
  }

  async #answer(frames: Frames, id: number, request: StorageRequest, peer: string): Promise<void> {
    let answer: Uint8Array;
    try {
      answer = encodeAnswer(id, request.type, (await this.#components.answer(request, peer)) as never);
    } catch (error) {
      answer = this.#refusal(id, error, peer);
    }
    if (frames.isOpen) this.#send(frames, answer);
  }

  #refusal(id: number, error: unknown, peer: string): Uint8Array {
    if (error instanceof StorageError || error instanceof ReplicaError) {
      return encodeError(id, error.code, error.message);
    }
    const { logger } = this.#components;
    if (error instanceof CodedError) logger.debug({ code: error.code, peer }, error.message);
    else logger.error({ err: error, peer }, 'a request could not be answered');
    return encodeError(id, 'unavailable', 'the store cannot be used now');
  }

  /** A peer that asks and does not read is cut off: streams would keep its answers without bound. */
  #send(frames: Frames, frame: Uint8Array): void {
    try {
      frames.send(frame);
      if (frames.unsentBytes > UNREAD_MAX_BYTES) frames.abort(new Error('answers are not read'));
    } catch (error) {
      frames.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    }
  }
}
