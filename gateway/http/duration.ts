import { GatewayError } from '../errors.ts';
import { TTL_MAX_MS, TTL_MIN_MS } from '../limits.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SECONDS = /^\d{1,12}$/;
const DURATION = /^(\d{1,12}(\.\d{1,9})?(ms|s|m|h|d)){1,5}$/;
const PART = /([\d.]+)(ms|s|m|h|d)/g;

/** Milliseconds of a time to live: whole seconds, or a duration as Go writes it, days allowed. Throws `bad_ttl`. */
export function parseTtl(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) {
    throw new GatewayError('bad_ttl', 'ttl must be whole seconds, or a duration like 90s, 30m, 1h30m, 7d');
  }
  if (ms < TTL_MIN_MS || ms > TTL_MAX_MS) {
    throw new GatewayError(
      'bad_ttl',
      `ttl must be from ${TTL_MIN_MS / 1000} to ${TTL_MAX_MS / 1000} seconds`,
    );
  }
  return ms;
}

/** Milliseconds of whole seconds or a duration, of whatever length; null for what is neither. */
export function parseDuration(text: string): number | null {
  if (SECONDS.test(text)) return Number(text) * 1000;
  if (!DURATION.test(text)) return null;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return Math.round(ms);
}
