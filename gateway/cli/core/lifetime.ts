import { setTimeout as wait } from 'node:timers/promises';

/** Something that runs until it is told to stop. */
export interface Service {
  /** `signal` aborts when it is told to stop before it has started. */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Reads its files anew: what SIGHUP then means. */
  readonly reload?: () => void;
  /** Resolves when it ended by itself. */
  readonly ended?: Promise<void>;
  /** Told of an error nobody caught; the process exits right after. */
  crashed(error: unknown): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A stop takes at most 3 s, with what the process itself needs to exit. */
const STOP_DEADLINE_MS = 2800;

/**
 * One Ctrl-C arrives several times: from the terminal, and again from npm and from the launcher, which pass
 * it on. Only a signal that comes later than this is a second one.
 */
const SAME_SIGNAL_MS = 500;

const EXIT_INTERRUPTED = 130;

/**
 * Starts `service` and stops it at the first signal. A second signal exits at once. Resolves to the exit code; throws what `start` throws.
 */
export async function runService(service: Service): Promise<number> {
  const asked = Promise.withResolvers<void>();
  const starting = new AbortController();
  watchSignals(asked.resolve, service.reload);
  watchCrashes(service);

  let failed: unknown;
  const started = service.start(starting.signal).catch((error: unknown) => {
    failed = error ?? new Error('it did not start');
  });
  await Promise.race([started, asked.promise]);
  // A failure after a stop request results from that request.
  const startFailure = failed;
  if (startFailure === undefined)
    await Promise.race([asked.promise, ...(service.ended ? [service.ended] : [])]);

  const stopped = await within(STOP_DEADLINE_MS, async () => {
    starting.abort();
    await Promise.all([started, service.stop()]);
  });
  if (startFailure !== undefined) throw startFailure;
  if (!stopped) process.stderr.write(`maillon: not stopped after ${STOP_DEADLINE_MS} ms, exiting anyway\n`);
  return stopped ? 0 : 1;
}

function watchSignals(first: () => void, reload: (() => void) | undefined): void {
  let since: number | undefined;
  const onSignal = (): void => {
    if (since === undefined) {
      since = performance.now();
      first();
    } else if (performance.now() - since > SAME_SIGNAL_MS) {
      process.exit(EXIT_INTERRUPTED);
    }
  };
  for (const signal of SIGNALS) {
    process.on(signal, signal === 'SIGHUP' && reload !== undefined ? () => reload() : onSignal);
  }
}

function watchCrashes(service: Service): void {
  const onCrash = (error: unknown): void => {
    // The remaining state is unknown, so nothing is saved; a start after kill -9 is clean too.
    service.crashed(error);
    process.exit(1);
  };
  process.on('uncaughtException', onCrash);
  process.on('unhandledRejection', onCrash);
}

/** Whether `work` finished within `ms`. Throws what it throws. */
async function within(ms: number, work: () => Promise<void>): Promise<boolean> {
  const deadline = new AbortController();
  try {
    return await Promise.race([work().then(() => true), wait(ms, false, { signal: deadline.signal })]);
  } finally {
    deadline.abort();
  }
}
