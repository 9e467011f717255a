import { DURATION_EXAMPLES, formatDuration, parseDuration } from '../../protocols/common/quantities.ts';
import { GatewayError } from './errors.ts';
import { TTL_MAX_MS, TTL_MIN_MS } from './limits.ts';

/** Milliseconds of a time to live: whole seconds, or a duration. Throws `bad_ttl`. */
export function parseTtl(text: string): number {
  const ms = parseDuration(text, { plainMs: 1000 });
  if (ms === null) throw new GatewayError('bad_ttl', `ttl must be seconds, or like ${DURATION_EXAMPLES}`);
  if (ms >= TTL_MIN_MS && ms <= TTL_MAX_MS) return ms;
  const bounds = `from ${formatDuration(TTL_MIN_MS)} to ${formatDuration(TTL_MAX_MS)}`;
  throw new GatewayError('bad_ttl', `ttl must be ${bounds}`);
}
