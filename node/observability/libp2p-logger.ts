import { inspect } from 'node:util';
import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface';
import { base32 } from 'multiformats/bases/base32';
import { base58btc } from 'multiformats/bases/base58';
import { base64 } from 'multiformats/bases/base64';
import type { Logger } from 'pino';
import { errorMessage } from '../../protocols/common/errors.ts';

/** A dump of a whole object graph helps nobody and costs megabytes. */
const TEXT_MAX = 2000;

/** libp2p's format letters, and what each makes of its argument. */
const FORMATS: Readonly<Record<string, (value: unknown) => string>> = {
  s: String,
  d: (value) => String(Number(value)),
  i: (value) => String(Math.trunc(Number(value))),
  o: (value) => inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY }),
  O: (value) => inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY }),
  j: (value) => JSON.stringify(value) ?? 'undefined',
  // Errors of remote peers are many and expected: one line each, without a stack.
  e: errorMessage,
  b: (value) => encoded(value, (bytes) => base58btc.baseEncode(bytes)),
  t: (value) => encoded(value, (bytes) => base32.baseEncode(bytes)),
  m: (value) => encoded(value, (bytes) => base64.baseEncode(bytes)),
  // Peer ids, CIDs, datastore keys and multiaddrs know their own text.
  p: String,
  c: String,
  k: String,
  a: String,
};

function encoded(value: unknown, encode: (bytes: Uint8Array) => string): string {
  return value instanceof Uint8Array ? encode(value) : String(value);
}

/** The line libp2p means by `formatter` and `args`. Never throws: a log line must not break what it reports. */
export function formatLine(formatter: unknown, args: readonly unknown[]): string {
  if (typeof formatter !== 'string') return errorMessage(formatter).slice(0, TEXT_MAX);
  let next = 0;
  const text = formatter.replaceAll(/%([a-zA-Z%])/g, (found, letter: string) => {
    if (letter === '%') return '%';
    const format = FORMATS[letter];
    if (!format || next >= args.length) return found;
    try {
      return format(args[next++]);
    } catch (error) {
      return `[${errorMessage(error)}]`;
    }
  });
  const rest = args.slice(next).map((value) => ` ${errorMessage(value)}`);
  return (text + rest.join('')).slice(0, TEXT_MAX);
}

const nothing = (): void => undefined;

/** One for all components: when nothing of it is logged, a call costs a call. */
const DISABLED: Libp2pLogger = Object.assign(() => undefined, {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: (): Libp2pLogger => DISABLED,
});

/**
 * libp2p's logs on `logger`. Most errors that libp2p logs are a remote peer that went away, so its errors and its messages are
 * `debug` here and its traces `trace`; the node itself logs what an operator must know. The level is read once: below `debug`
 * nothing is formatted, not even looked at.
 */
export function libp2pLogger(logger: Logger): ComponentLogger {
  if (!logger.isLevelEnabled('debug')) return { forComponent: () => DISABLED };
  const tracing = logger.isLevelEnabled('trace');

  const scoped = (component: string): Libp2pLogger => {
    const own = logger.child({ component });
    const debug = (formatter: unknown, ...args: unknown[]): void => own.debug(formatLine(formatter, args));
    const trace = (formatter: unknown, ...args: unknown[]): void => own.trace(formatLine(formatter, args));
    return Object.assign(debug, {
      error: (formatter: unknown, ...args: unknown[]): void =>
        own.debug({ failed: true }, formatLine(formatter, args)),
      trace: tracing ? trace : nothing,
      enabled: true,
      newScope: (name: string): Libp2pLogger => scoped(`${component}:${name}`),
    });
  };
  return { forComponent: scoped };
}
