import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { lpStream } from '@libp2p/utils';
import { errorMessage } from '../../protocols/common/errors.ts';
import { WaitingRoom } from '../../protocols/common/waiting-room.ts';
import {
  ANSWER_MAX_BYTES,
  NAMESPACES_PROTOCOL,
  NamespacesError,
  QUESTION_MAX_BYTES,
  QUESTION_TIMEOUT_MS,
  type QuestionServer,
} from '../../protocols/namespaces/index.ts';
import type { Network } from '../libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { ANSWERS_AT_ONCE, STREAMS_PER_CONNECTION } from './limits.ts';

export interface ExchangeComponents {
  readonly network: Network;
  readonly server: QuestionServer;
  readonly logger: Logger;
  /** Whether a peer is not to be listened to for what it sent. */
  readonly isShunned: (peer: string) => boolean;
  /** A question of `peer` could not be read. */
  readonly onFault: (peer: string, error: NamespacesError) => void;
}

/** Bytes of a frame's length. */
const LENGTH_BYTES = 4;

/** Carries questions and answers: one length-prefixed frame each way on a stream of its own, both bounded in size and time. */
export class Exchange {
  readonly #components: ExchangeComponents;
  readonly #answering = new WaitingRoom({ max: ANSWERS_AT_ONCE, maxPerPeer: STREAMS_PER_CONNECTION });

  constructor(components: ExchangeComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    await this.#components.network.handle(
      NAMESPACES_PROTOCOL,
      (stream, connection) => this.#handle(stream, connection),
      { maxInboundStreams: STREAMS_PER_CONNECTION, maxOutboundStreams: STREAMS_PER_CONNECTION },
    );
  }

  async stop(): Promise<void> {
    await this.#components.network.unhandle(NAMESPACES_PROTOCOL);
  }

  /** The answer of `peer`, which must be connected, to one question. */
  async ask(peer: PeerId, question: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const connection = this.#components.network
      .getConnections(peer)
      .find(({ status, limits }) => status === 'open' && limits === undefined);
    if (connection === undefined) throw new Error('the peer is not connected any more');
    const limit = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIMEOUT_MS)]);
    const stream = await connection.newStream(NAMESPACES_PROTOCOL, {
      signal: limit,
      maxOutboundStreams: STREAMS_PER_CONNECTION,
    });
    try {
      const frames = framesOf(stream, ANSWER_MAX_BYTES);
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
    const { server, logger, isShunned, onFault } = this.#components;
    const peer = remotePeer.toString();
    if (isShunned(peer) || !this.#answering.enter(peer)) {
      stream.abort(new Error('too many questions at once'));
      return;
    }
    try {
      const signal = AbortSignal.timeout(QUESTION_TIMEOUT_MS);
      const frames = framesOf(stream, QUESTION_MAX_BYTES);
      const question = (await frames.read({ signal })).subarray();
      await frames.write(server.answer(question, peer), { signal });
      await stream.close({ signal });
    } catch (error) {
      if (error instanceof NamespacesError) onFault(peer, error);
      logger.debug({ peer, reason: errorMessage(error) }, 'a question for notices was not answered');
      stream.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    } finally {
      this.#answering.leave(peer);
    }
  }
}

/** Frames of at most `maxBytes`; a peer that sends more, in a frame or behind it, is cut off. */
function framesOf(stream: Stream, maxBytes: number): ReturnType<typeof lpStream<Stream>> {
  return lpStream(stream, { maxDataLength: maxBytes, maxBufferSize: maxBytes + LENGTH_BYTES });
}
