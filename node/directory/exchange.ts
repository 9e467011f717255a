import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { lpStream } from '@libp2p/utils';
import { errorMessage } from '../../protocols/common/errors.ts';
import { WaitingRoom } from '../../protocols/common/waiting-room.ts';
import {
  NODES_PROTOCOL,
  PAGE_MAX_BYTES,
  PAGE_TIMEOUT_MS,
  type PageServer,
  REQUEST_MAX_BYTES,
} from '../../protocols/nodes/index.ts';
import type { Network } from '../libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { ANSWERS_AT_ONCE, STREAMS_PER_CONNECTION } from './limits.ts';

export interface ExchangeComponents {
  readonly network: Network;
  readonly pages: PageServer;
  readonly logger: Logger;
}

/** Bytes of a frame's length. */
const LENGTH_BYTES = 4;

/** Carries questions and answers: one length-prefixed frame each way on a stream of its own, both bounded in time. */
export class Exchange {
  readonly #components: ExchangeComponents;
  readonly #answering = new WaitingRoom({ max: ANSWERS_AT_ONCE, maxPerPeer: STREAMS_PER_CONNECTION });

  constructor(components: ExchangeComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    await this.#components.network.handle(
      NODES_PROTOCOL,
      (stream, connection) => this.#handle(stream, connection),
      {
        maxInboundStreams: STREAMS_PER_CONNECTION,
        maxOutboundStreams: STREAMS_PER_CONNECTION,
      },
    );
  }

  async stop(): Promise<void> {
    await this.#components.network.unhandle(NODES_PROTOCOL);
  }

  /** The answer of `peer`, which must be connected, to one question. */
  async ask(peer: PeerId, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const connection = this.#components.network
      .getConnections(peer)
      .find(({ status, limits }) => status === 'open' && limits === undefined);
    if (connection === undefined) throw new Error('the peer is not connected any more');
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PAGE_TIMEOUT_MS)]);
    const stream = await connection.newStream(NODES_PROTOCOL, { signal: limit });
    try {
      const frames = framesOf(stream, PAGE_MAX_BYTES);
      await frames.write(request, { signal: limit });
      const answer = (await frames.read({ signal: limit })).subarray();
      await stream.close({ signal: limit });
      return answer;
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(errorMessage(error)));
      throw error;
    }
  }

  async #handle(stream: Stream, { remotePeer }: Connection): Promise<void> {
    const peer = remotePeer.toString();
    if (!this.#answering.enter(peer)) {
      stream.abort(new Error('too many questions at once'));
      return;
    }
    try {
      const signal = AbortSignal.timeout(PAGE_TIMEOUT_MS);
      const frames = framesOf(stream, REQUEST_MAX_BYTES);
      const request = (await frames.read({ signal })).subarray();
      await frames.write(this.#components.pages.answer(request, peer), { signal });
      await stream.close({ signal });
    } catch (error) {
      this.#components.logger.debug({ peer, reason: errorMessage(error) }, 'a question was not answered');
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
