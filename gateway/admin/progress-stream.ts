import { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { errorBody } from '../core/errors.ts';
import { PROGRESS_INTERVAL_MS } from '../core/limits.ts';

/** Long-running work that reports its progress. */
export type LongWork<Progress, Report> = (
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
) => Promise<Report>;

type Outcome = { readonly line: object } | { readonly error: unknown };

/**
 * Answers with JSON lines: `{"progress": …}` now and then, at the end `{"done": …}` or `{"error": …, "code": …}`. An immediate
 * refusal is thrown, so that it gets its HTTP status. The work ends when the client goes away.
 */
export async function sendProgress<Progress, Report>(
  reply: FastifyReply,
  work: LongWork<Progress, Report>,
): Promise<FastifyReply> {
  const leaving = new AbortController();
  let latest: Progress | null = null;
  const working = work(leaving.signal, (progress) => {
    latest = progress;
  });
  const done = working.then(
    (report): Outcome => ({ line: { done: report } }),
    (error: unknown): Outcome => ({ error }),
  );
  const early = await Promise.race([done, turn(null)]);
  if (early !== null && 'error' in early) throw early.error;

  async function* lines(): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) {
        const pause = new AbortController();
        const outcome = await Promise.race([done, wait(PROGRESS_INTERVAL_MS, null, pause).catch(() => null)]);
        pause.abort();
        if (latest !== null) yield `${JSON.stringify({ progress: latest })}\n`;
        if (outcome === null) continue;
        yield `${JSON.stringify('line' in outcome ? outcome.line : errorBody(outcome.error))}\n`;
        return;
      }
    } finally {
      leaving.abort(new Error('the client went away'));
    }
  }
  const stream = Readable.from(lines());
  // a client that goes while nothing is said is noticed, too
  reply.raw.once('close', () => leaving.abort(new Error('the client went away')));
  return reply.type('application/x-ndjson').send(stream);
}
