import type { Connection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Multiaddr } from '@multiformats/multiaddr';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  decodeAnswer,
  encodeRequest,
  FRAME_ID_MAX,
  REQUESTS,
  REQUESTS_MAX,
  REQUESTS_MAX_BYTES,
  type RequestOf,
  type RequestType,
  readFrameHead,
  STORAGE_PROTOCOL,
} from '../../../protocols/storage/index.ts';
import type { Network } from '../../network/libp2p.ts';
import { Frames } from '../../transport/frames.ts';
import { CONNECT_TIMEOUT_MS, STREAMS_PER_CONNECTION, WAITING_MAX } from '../api/limits.ts';

/** No answer. `isSent`: the replica may have done what it was asked. */
export class NoAnswer extends CodedError {
  readonly isSent: boolean;

  constructor(message: string, isSent: boolean, options?: ErrorOptions) {
    super('no_answer', message, undefined, options);
    this.isSent = isSent;
  }
}

export interface RpcClientComponents {
  readonly network: Network;
  /** Where a node may be dialled. */
  readonly addressesOf: (id: string) => readonly Multiaddr[];
}

interface Pending {
  readonly request: RequestOf<RequestType>;
  readonly settle: (outcome: { frame: Uint8Array } | { error: Error }) => void;
}

/** Requests to one peer. */
class Line {
  readonly pending = new Map<number, Pending>();
  readonly requests = new ConcurrencyLimit({
    max: REQUESTS_MAX,
    maxWeight: REQUESTS_MAX_BYTES,
    queueMax: WAITING_MAX,
  });
  frames: Frames | null = null;
  opening: Promise<Frames> | null = null;
  nextId = 0;
}

/** Asks other nodes: one stream to each, on which many requests run beside each other, bounded in number, bytes and time. */
export class RpcClient {
  readonly #components: RpcClientComponents;
  readonly #lines = new Map<string, Line>();
  #abort = new AbortController();

  constructor(components: RpcClientComponents) {
    this.#components = components;
  }

  /** Ends every stream; what waits for an answer gets none. */
  stop(): void {
    this.#abort.abort(new CodedError('not_running', 'this node is stopping'));
    for (const line of this.#lines.values()) line.frames?.abort(new Error('this node is stopping'));
    this.#lines.clear();
  }

  start(): void {
    this.#abort = new AbortController();
  }

  /** Whether a request would go out without dialling. */
  isConnected(id: string): boolean {
    return this.#connectionTo(id) !== undefined;
  }

  /** Connects to `id` and opens its stream. Throws `NoAnswer` when it is not there. */
  async connect(id: string): Promise<void> {
    await this.#open(this.#line(id), id);
  }

  /**
   * The answer of `id`. Throws `NoAnswer`, `ReplicaError` for a refusal, `StorageError` for what is no answer. `signal`
   * must end the wait in time: nothing else does while the stream is open.
   */
  async request<T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ): Promise<Answers[T]> {
    const line = this.#line(id);
    const frames = line.frames?.isOpen === true ? line.frames : await this.#ready(line, id, signal);
    const weight = weightOf(request);
    const release =
      line.requests.tryAcquire(id, weight) ??
      (await line.requests.acquire(id, { weight, signal }).catch((cause: unknown) => {
        throw new NoAnswer(`${id} was not asked: ${errorMessage(cause)}`, false, { cause });
      }));
    try {
      return decodeAnswer(await this.#exchange(line, frames, request, signal), request);
    } finally {
      release();
      if (line.frames === null && line.opening === null && line.requests.isIdle) this.#lines.delete(id);
    }
  }

  #exchange(
    line: Line,
    frames: Frames,
    request: RequestOf<RequestType>,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const requestId = line.nextId;
    line.nextId = requestId >= FRAME_ID_MAX ? 0 : requestId + 1;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle({ error: new NoAnswer('it did not answer in time', true) });
      const settle: Pending['settle'] = (outcome) => {
        line.pending.delete(requestId);
        signal.removeEventListener('abort', onAbort);
        if ('frame' in outcome) resolve(outcome.frame);
        else reject(outcome.error);
      };
      if (signal.aborted) return reject(new NoAnswer('there was no time left to ask it', false));
      line.pending.set(requestId, { request, settle });
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        frames.send(encodeRequest(requestId, request));
      } catch (error) {
        settle({ error: new NoAnswer(`it could not be asked: ${errorMessage(error)}`, false) });
      }
    });
  }

  async #ready(line: Line, id: string, signal: AbortSignal): Promise<Frames> {
    const opened = this.#open(line, id);
    // the opening itself goes on: others wait for it, too
    return await new Promise<Frames>((resolve, reject) => {
      const leave = (): void => reject(new NoAnswer('it could not be reached in time', false));
      signal.addEventListener('abort', leave, { once: true });
      opened.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #open(line: Line, id: string): Promise<Frames> {
    if (line.frames?.isOpen === true) return Promise.resolve(line.frames);
    line.opening ??= this.#openStream(line, id)
      .catch((error: unknown) => {
        if (line.requests.isIdle) this.#lines.delete(id);
        throw new NoAnswer(`${id} was not reached: ${errorMessage(error)}`, false, { cause: error });
      })
      .finally(() => {
        line.opening = null;
      });
    return line.opening;
  }

  async #openStream(line: Line, id: string): Promise<Frames> {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    signal.throwIfAborted();
    const connection = this.#connectionTo(id) ?? (await this.#dial(id, signal));
    const stream = await connection.newStream(STORAGE_PROTOCOL, {
      signal,
      maxOutboundStreams: STREAMS_PER_CONNECTION,
    });
    const frames = new Frames(stream, {
      onFrame: (frame) => this.#answered(line, frame),
      onEnd: (error) => {
        if (line.frames === frames) line.frames = null;
        const reason = `the stream ended: ${error?.message ?? 'closed by the peer'}`;
        for (const { settle } of line.pending.values()) settle({ error: new NoAnswer(reason, true) });
        if (line.requests.isIdle && line.opening === null) this.#lines.delete(id);
      },
    });
    line.frames = frames.isOpen ? frames : null;
    return frames;
  }

  async #dial(id: string, signal: AbortSignal): Promise<Connection> {
    const { network, addressesOf } = this.#components;
    const addresses = addressesOf(id);
    const target = addresses.length > 0 ? [...addresses] : peerIdFromString(id);
    const connection = await network.dial(target, { signal });
    if (connection.remotePeer.toString() !== id) throw new Error('somebody else answered');
    return connection;
  }

  /** A frame that cannot be read ends the stream; an answer that comes too late is ignored. */
  #answered(line: Line, frame: Uint8Array): void {
    line.pending.get(readFrameHead(frame).id)?.settle({ frame });
  }

  #line(id: string): Line {
    const line = this.#lines.get(id) ?? new Line();
    this.#lines.set(id, line);
    return line;
  }

  #connectionTo(id: string): Connection | undefined {
    return this.#components.network
      .getConnections(peerIdFromString(id))
      .find(({ status, limits }) => status === 'open' && limits === undefined);
  }
}

/** Weight of a request, in bytes: its own, or what its answer may bring. */
function weightOf(request: RequestOf<RequestType>): number {
  const { answerMaxBytes } = REQUESTS[request.type];
  if ('record' in request) return request.record.byteLength;
  // most values are small: if each counted as the largest, eight reads would be all
  return request.type === 'get' ? TYPICAL_ANSWER_BYTES : answerMaxBytes;
}

const TYPICAL_ANSWER_BYTES = 32 * 1024;
