import { setTimeout as wait } from 'node:timers/promises';
import { ClientError } from '../../client/index.ts';
import { type Explained, explainListener } from './errors.ts';
import { bold, isTerminal, say, sayJson, styled } from './terminal.ts';

/** Readings follow one another in this time. */
const INTERVAL_MS = 1000;
/** A gateway that takes longer for one reading counts as gone for now. */
const READING_TIMEOUT_MS = 5000;

const ESC = '\u001b[';
/** Another screen, so that this one is as it was afterwards; no cursor; long lines are cut instead of wrapped. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
const HOME = `${ESC}H`;
const CLEAR_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

/** A value read, and its time. */
export interface Reading<T> {
  readonly value: T;
  /** Milliseconds, on a clock that only goes forward. */
  readonly at: number;
}

export interface WatchInit<T> {
  readonly url: string;
  readonly json: boolean;
  readonly read: () => Promise<T>;
  /** Formats a reading; `before` is the one before it, if that was answered. */
  readonly render: (now: Reading<T>, before: Reading<T> | null) => string;
  readonly toJson: (now: Reading<T>, before: Reading<T> | null) => object;
}

/** `fetch` that gives up when `signal` aborts, or after some seconds. */
export function impatientFetch(signal: AbortSignal): typeof fetch {
  return (input, init) => {
    const limits = [signal, AbortSignal.timeout(READING_TIMEOUT_MS), ...(init?.signal ? [init.signal] : [])];
    return fetch(input, { ...init, signal: AbortSignal.any(limits) });
  };
}

/** Runs `act` with a signal that Ctrl-C aborts; what fails because of it is no error. */
export async function untilInterrupted(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, onSignal);
  try {
    await act(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}

/**
 * Reads and shows again every second until `signal` aborts: in place on a terminal, as blocks or as JSON lines
 * elsewhere. A gateway that does not answer is shown as such and asked again.
 */
export async function watch<T>(init: WatchInit<T>, signal: AbortSignal): Promise<void> {
  const screen = isTerminal() && !init.json ? openScreen() : null;
  let before: Reading<T> | null = null;
  try {
    while (!signal.aborted) {
      const startedAt = performance.now();
      const now = await read(init, signal);
      if (now === null) return;
      if (now instanceof ClientError) {
        await showFault(init, now, screen);
        before = null;
      } else {
        if (init.json) sayJson(init.toJson(now, before));
        else showText(init.render(now, before), screen);
        before = now;
      }
      const left = INTERVAL_MS - (performance.now() - startedAt);
      await wait(Math.max(0, left), undefined, { signal }).catch(() => undefined);
    }
  } finally {
    screen?.close();
  }
}

/** Null when it was interrupted. Throws what is no answer of a gateway. */
async function read<T>(init: WatchInit<T>, signal: AbortSignal): Promise<Reading<T> | ClientError | null> {
  try {
    return { value: await init.read(), at: performance.now() };
  } catch (error) {
    if (signal.aborted) return null;
    if (error instanceof ClientError) return error;
    throw error;
  }
}

async function showFault<T>(init: WatchInit<T>, error: ClientError, screen: Screen | null): Promise<void> {
  const { message, code, cause, next }: Explained = (await explainListener(error)) ?? {
    code: error.code,
    message: error.message,
  };
  if (init.json) return sayJson({ error: message, code, cause, next });
  const what = code === 'unreachable' ? 'unreachable' : 'not answering as it should';
  const advice = next === undefined ? '' : ` (${next})`;
  showText(
    `${bold(init.url)}  ${styled(what, 'red')}\n${message}${advice}; trying again every second`,
    screen,
  );
}

function showText(text: string, screen: Screen | null): void {
  if (screen === null) say(`${text}\n`);
  else screen.draw(text);
}

interface Screen {
  draw(text: string): void;
  close(): void;
}

function openScreen(): Screen {
  const { stdout } = process;
  let last = '';
  const draw = (text: string): void => {
    last = text;
    // what does not fit is left out: a screen that scrolls would tear
    const lines = text.split('\n').slice(0, Math.max(1, stdout.rows - 1));
    stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join('')}${CLEAR_BELOW}`);
  };
  const onResize = (): void => draw(last);
  // also when the process ends in another way, so that the terminal is never left without a cursor
  const leave = (): void => void stdout.write(LEAVE);
  stdout.write(ENTER);
  stdout.on('resize', onResize);
  process.once('exit', leave);
  return {
    draw,
    close: () => {
      stdout.off('resize', onResize);
      process.off('exit', leave);
      leave();
    },
  };
}
