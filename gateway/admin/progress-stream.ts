import { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { errorBody } from '../errors.ts';
import { PROGRESS_INTERVAL_MS } from '../limits.ts';

/** What takes long, with what it tells meanwhile. */
export type LongWork<Progress, Report> = (
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
) => Promise<Report>;

/**
 * Answers with JSON lines: `{"progress": …}` now and then, at the end `{"done": …}` or `{"error": …, "code": …}`. What is refused at once is
 * thrown, so that it gets its status. The work ends when the client goes away.
 */
export async function sendProgress<Progress, Report>(
  reply: FastifyReply,
  work: LongWork<Progress, Report>,
): Promise<FastifyReply> {
  const leaving = new AbortController();
  let latest: Progress | null = null;
  let outcome: { readonly line: object } | { readonly error: unknown } | null = null;
  const done = work(leaving.signal, (progress) => {
    latest = progress;
  }).then(
    (report) => {
      outcome = { line: { done: report } };
    },
    (error: unknown) => {
      outcome = { error };
    },
  );
  await turn();
  const early = outcome as { readonly error?: unknown } | null;
  if (early !== null && 'error' in early) throw early.error;

  async function* lines(): AsyncGenerator<string, void, undefined> {
    try {
      while (outcome === null) {
        const pause = new AbortController();
        await Promise.race([done, wait(PROGRESS_INTERVAL_MS, undefined, pause)]);
        pause.abort();
        if (latest !== null) yield `${JSON.stringify({ progress: latest })}\n`;
      }
      yield `${JSON.stringify('line' in outcome ? outcome.line : errorBody(outcome.error))}\n`;
    } finally {
      leaving.abort(new Error('the client went away'));
    }
  }
  const stream = Readable.from(lines());
  // a client that goes while nothing is said is noticed, too
  reply.raw.once('close', () => leaving.abort(new Error('the client went away')));
  return reply.type('application/x-ndjson').send(stream);
}
