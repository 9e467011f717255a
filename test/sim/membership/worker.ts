import { parentPort } from 'node:worker_threads';
import { makeHistory } from './history.ts';
import { Run } from './run.ts';

export interface Job {
  readonly seed: number;
  readonly ownersMax: number;
}

export interface Done {
  readonly seed: number;
  readonly violations: Awaited<ReturnType<Run['run']>>['violations'];
  readonly counts: Readonly<Record<string, number>>;
  readonly ms: number;
}

// errors that are an answer are many here, and nobody reads where they came from
Error.stackTraceLimit = 0;

parentPort?.on('message', ({ seed, ownersMax }: Job) => {
  void new Run(makeHistory(seed, { ownersMax })).run().then((outcome) => {
    parentPort?.postMessage({ seed, ...outcome } satisfies Done, []);
  });
});
