import type { FastifyReply } from 'fastify';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  STREAMS_IN_MAX,
  STREAMS_IN_PER_NAMESPACE,
  STREAMS_OUT_MAX,
  STREAMS_OUT_PER_NAMESPACE,
} from '../../core/limits.ts';
import type { BodyDeadlines } from './body-deadlines.ts';
import { sendContinue } from './http-server.ts';
import { StreamedBody } from './streamed-body.ts';
import { isLarge } from './value-bodies.ts';

type Direction = 'in' | 'out';

export interface TransfersComponents {
  readonly deadlines: BodyDeadlines;
  readonly stopping: AbortSignal;
}

/** Large values on their way. Each holds a few chunks in memory and keeps the disk busy: so many at once, and of one namespace not all of them. */
export class Transfers {
  readonly #components: TransfersComponents;
  readonly #limits: Readonly<Record<Direction, ConcurrencyLimit>> = {
    in: new ConcurrencyLimit({ max: STREAMS_IN_MAX, maxPerKey: STREAMS_IN_PER_NAMESPACE }),
    out: new ConcurrencyLimit({ max: STREAMS_OUT_MAX, maxPerKey: STREAMS_OUT_PER_NAMESPACE }),
  };

  constructor(components: TransfersComponents) {
    this.#components = components;
  }

  /**
   * Takes a slot for a request body: once reading begins there is no total deadline, only an idle timeout. Throws
   * `overloaded`.
   */
  beginIn(reply: FastifyReply, namespace: string): AbortSignal {
    const { body, raw } = reply.request;
    if (body instanceof StreamedBody) {
      body.beforeRead(() => {
        this.#components.deadlines.lift(raw);
        if (isLarge(raw)) sendContinue(raw, reply.raw);
      });
    }
    return this.#begin(reply, 'in', namespace);
  }

  /** Takes a slot for a response body. Throws `overloaded`. */
  beginOut(reply: FastifyReply, namespace: string): AbortSignal {
    return this.#begin(reply, 'out', namespace);
  }

  /**
   * Takes a slot until the answer is out or the client gone. The signal ends what is done for it when the client goes away, or
   * the gateway stops.
   */
  #begin({ raw }: FastifyReply, direction: Direction, namespace: string): AbortSignal {
    const release = this.#limits[direction].tryAcquire(namespace);
    if (release === null) {
      throw new GatewayError(
        'overloaded',
        'too many large values are on their way now: try again in a moment',
      );
    }
    const gone = new AbortController();
    const onClose = (): void => {
      release();
      if (!raw.writableFinished) gone.abort(new GatewayError('bad_request', 'the client has gone away'));
    };
    if (raw.destroyed) onClose();
    else raw.once('close', onClose);
    return AbortSignal.any([gone.signal, this.#components.stopping]);
  }
}
