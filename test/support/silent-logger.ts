import { createLogger, type Logger } from '../../node/index.ts';

export function silentLogger(): Logger {
  return createLogger({ 'log.level': 'silent', 'log.format': 'json' });
}
