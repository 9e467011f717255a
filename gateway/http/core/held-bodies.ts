import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readBody } from './body.ts';
import { ByteBudget, type Holding } from './byte-budget.ts';

/** Counts bytes against what may be on its way, until the answer is out or the client gone. */
export type Hold = (reply: FastifyReply, bytes: number) => void;

/** Bodies of the requests of a scope: all together may hold `max` bytes. */
export class HeldBodies {
  readonly #budget: ByteBudget;
  readonly #holdings = new WeakMap<IncomingMessage, Holding>();

  constructor(init: { readonly max: number }) {
    this.#budget = new ByteBudget(init);
  }

  /** From here on the requests of `scope` are counted. */
  watch(scope: Pick<FastifyInstance, 'addHook'>): void {
    scope.addHook('onRequest', async (request, reply) => {
      const holding = this.#budget.open();
      this.#holdings.set(request.raw, holding);
      reply.raw.once('close', () => holding.release());
    });
  }

  /** A parser of content types: the body's bytes as they came. */
  readonly read = async (request: FastifyRequest, payload: IncomingMessage): Promise<Buffer> =>
    readBody(payload, { limit: request.routeOptions.bodyLimit, holding: this.#holdingOf(request) });

  readonly hold: Hold = ({ request }, bytes) => this.count(request, bytes);

  /** Throws `overloaded`. */
  count(request: FastifyRequest, bytes: number): void {
    this.#holdingOf(request).add(bytes);
  }

  #holdingOf({ raw }: FastifyRequest): Holding {
    const holding = this.#holdings.get(raw);
    if (holding === undefined) throw new Error('a request without its holding');
    return holding;
  }
}
