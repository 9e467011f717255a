import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { lpStream } from '@libp2p/utils';
import { ConcurrencyLimit } from '../../protocols/common/concurrency-limit.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';

export interface QuestionsComponents {
  readonly network: Pick<Network, 'handle' | 'unhandle' | 'getConnections'>;
  readonly logger: Logger;
  /** The answer to a question of `peer`. Throws for one that cannot be read. */
  readonly answer: (question: Uint8Array, peer: string) => Uint8Array | Promise<Uint8Array>;
  /** Whether a peer is not to be listened to for what it sent. */
  readonly isGraylisted?: (peer: string) => boolean;
  /** Told of what `answer` threw. */
  readonly onFault?: (peer: string, error: unknown) => void;
}

export interface QuestionsInit {
  readonly protocol: string;
  readonly questionMaxBytes: number;
  readonly answerMaxBytes: number;
  /** For a question and its answer. */
  readonly timeoutMs: number;
  /** Questions of all peers that are answered together: each holds an answer in memory until its peer has read it. */
  readonly answersAtOnce: number;
  /** Streams of one connection, each for one question. */
  readonly streamsPerConnection: number;
}

/** Bytes of a frame's length. */
const LENGTH_BYTES = 4;

/** Carries questions and answers: one length-prefixed frame each way on a new stream, both bounded in size and time. */
export class Questions {
  readonly #components: QuestionsComponents;
  readonly #init: QuestionsInit;
  readonly #answering: ConcurrencyLimit;

  constructor(components: QuestionsComponents, init: QuestionsInit) {
    this.#components = components;
    this.#init = init;
    this.#answering = new ConcurrencyLimit({ max: init.answersAtOnce, maxPerKey: init.streamsPerConnection });
  }

  async start(): Promise<void> {
    const { protocol, streamsPerConnection } = this.#init;
    await this.#components.network.handle(
      protocol,
      (stream, connection) => this.#handle(stream, connection),
      { maxInboundStreams: streamsPerConnection, maxOutboundStreams: streamsPerConnection },
    );
  }

  async stop(): Promise<void> {
    await this.#components.network.unhandle(this.#init.protocol);
  }

  /** The answer of `peer`, which must be connected, to one question. */
  async ask(peer: PeerId, question: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { protocol, answerMaxBytes, timeoutMs, streamsPerConnection } = this.#init;
    const connection = this.#components.network
      .getConnections(peer)
      .find(({ status, limits }) => status === 'open' && limits === undefined);
    if (connection === undefined) throw new Error('the peer is not connected any more');
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const stream = await connection.newStream(protocol, {
      signal: limit,
      maxOutboundStreams: streamsPerConnection,
    });
    try {
      const frames = framesOf(stream, answerMaxBytes);
      await frames.write(question, { signal: limit });
      const answer = (await frames.read({ signal: limit })).subarray();
      await stream.close({ signal: limit });
      return answer;
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(errorMessage(error)));
      throw error;
    }
  }

  async #handle(stream: Stream, { remotePeer }: Connection): Promise<void> {
    const { logger, answer, isGraylisted, onFault } = this.#components;
    const { protocol, questionMaxBytes, timeoutMs } = this.#init;
    const peer = remotePeer.toString();
    const release = isGraylisted?.(peer) === true ? null : this.#answering.tryAcquire(peer);
    if (release === null) {
      stream.abort(new Error('too many questions at once'));
      return;
    }
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const frames = framesOf(stream, questionMaxBytes);
      const question = (await frames.read({ signal })).subarray();
      await frames.write(await answer(question, peer), { signal });
      await stream.close({ signal });
    } catch (error) {
      onFault?.(peer, error);
      logger.debug({ peer, protocol, reason: errorMessage(error) }, 'a question was not answered');
      stream.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    } finally {
      release();
    }
  }
}

/** Frames of at most `maxBytes`; a peer that sends more, in a frame or behind it, is cut off. */
function framesOf(stream: Stream, maxBytes: number): ReturnType<typeof lpStream<Stream>> {
  return lpStream(stream, { maxDataLength: maxBytes, maxBufferSize: maxBytes + LENGTH_BYTES });
}
