import { createRequire } from 'node:module';
import {
  type DestinationStream,
  destination,
  type LoggerOptions,
  type Logger as PinoLogger,
  pino,
} from 'pino';
import type * as Pretty from 'pino-pretty';

export { libp2pLogger } from './libp2p-logger.ts';

export type Logger = PinoLogger;

const require = createRequire(import.meta.url);

/** Standard error: standard output is for what a command answers. */
const STDERR = 2;

/**
 * Fields that hold a secret wherever they stand in the first levels of a log line. Code does not log secrets;
 * this is for the object that carries one by accident.
 */
const SECRET_FIELDS = [
  'privateKey',
  'secret',
  'secretKey',
  'seed',
  'mnemonic',
  'password',
  'passphrase',
  'token',
  'apiKey',
  'authorization',
  'cookie',
];
const SECRET_HEADERS = ['authorization', 'cookie', 'x-api-key', 'sec-websocket-protocol'];

export const REDACTED_PATHS: readonly string[] = [
  ...SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
  ...SECRET_HEADERS.flatMap((header) => [`headers["${header}"]`, `*.headers["${header}"]`]),
];

export interface LogSettings {
  readonly 'log.level': string;
  readonly 'log.format': 'auto' | 'json' | 'pretty';
}

/** A logger as `log.level` and `log.format` ask for, on standard error unless `stream` is given. */
export function createLogger(
  config: LogSettings,
  init: { readonly stream?: DestinationStream } = {},
): Logger {
  const options: LoggerOptions = {
    level: config['log.level'],
    base: null,
    redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
  };
  const format = config['log.format'];
  const pretty =
    format === 'pretty' || (format === 'auto' && init.stream === undefined && process.stderr.isTTY);
  if (pretty) {
    // only now: a server under a supervisor never needs it
    const { PinoPretty } = require('pino-pretty') as typeof Pretty;
    const stream = { destination: init.stream ?? STDERR, sync: true, colorize: colours(init.stream) };
    return pino(options, PinoPretty(stream));
  }
  // Synchronous: at these levels a few lines a minute, and the last ones before a crash are the ones that matter.
  return pino(options, init.stream ?? destination({ dest: STDERR, sync: true }));
}

function colours(stream: DestinationStream | undefined): boolean {
  return stream === undefined && process.stderr.isTTY && !process.env['NO_COLOR'];
}
