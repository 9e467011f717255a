/** Sizes and durations as people write and read them: `1GB`, `1GiB`, `90s`, `24h`. Programs keep bytes and milliseconds. */

/** Examples in messages where a size was expected. */
export const SIZE_EXAMPLES = '500MB, 1GB, 1GiB';
/** Examples in messages where a duration was expected. */
export const DURATION_EXAMPLES = '90s, 30m, 24h, 7d';

type Unit = readonly [name: string, factor: number];

/** Those of powers of 1 000 and of 1 024; the exact form of a number of bytes is the largest that divides it. */
const DECIMAL: readonly Unit[] = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
];
const BINARY: readonly Unit[] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
];
const SIZE_FACTORS: ReadonlyMap<string, number> = new Map([...DECIMAL, ...BINARY, ['B', 1], ['KB', 1e3]]);

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DURATION_UNITS: readonly Unit[] = [
  ['d', DAY_MS],
  ['h', HOUR_MS],
  ['m', MINUTE_MS],
  ['s', SECOND_MS],
  ['ms', 1],
];
const DURATION_FACTORS: ReadonlyMap<string, number> = new Map(DURATION_UNITS);

/** Digits are bounded, so that no text takes long to read and no number is beyond what is exact. */
const PLAIN = /^\d{1,15}$/;
const SIZE = /^(\d{1,15}(?:\.\d{1,9})?)([a-zA-Z]{1,3})$/;
const DURATION = /^(\d{1,15}(\.\d{1,9})?(ms|s|m|h|d)){1,5}$/;
const DURATION_PART = /([\d.]+)(ms|s|m|h|d)/g;

/** Bytes of a size such as `1.5GB`, to the nearest, or of a plain number of bytes; null for a text that is neither. */
export function parseSize(text: string): number | null {
  if (PLAIN.test(text)) return Number(text);
  const [, amount = '', unit = ''] = SIZE.exec(text) ?? [];
  const factor = SIZE_FACTORS.get(unit);
  if (factor === undefined || (factor === 1 && amount.includes('.'))) return null;
  const bytes = Math.round(Number(amount) * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/**
 * Milliseconds of a duration such as `90s` or `1h30m`, to the nearest, or of a plain number of units of `plainMs`; null for a text that is
 * neither.
 */
export function parseDuration(text: string, { plainMs }: { readonly plainMs: number }): number | null {
  if (PLAIN.test(text)) return Number(text) * plainMs;
  if (!DURATION.test(text)) return null;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(DURATION_PART)) {
    ms += Number(amount) * (DURATION_FACTORS.get(unit ?? '') ?? 0);
  }
  return Math.round(ms);
}

/** Exactly so many bytes, as `parseSize` reads it: `10GiB`, `1537B`. */
export function formatSize(bytes: number): string {
  const divides = ([, factor]: Unit): boolean => bytes > 0 && bytes % factor === 0;
  const [decimal, binary] = [DECIMAL.find(divides), BINARY.find(divides)];
  // 1024000 is 1024kB and 1000KiB: the shorter number is what somebody meant
  const [name, factor] = (decimal?.[1] ?? 0) > (binary?.[1] ?? 0) ? (decimal ?? ONE) : (binary ?? ONE);
  return `${bytes / factor}${name}`;
}

const ONE: Unit = ['B', 1];

/** Exactly so many milliseconds, as `parseDuration` reads it: `90s`, `24h`, `7d`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const unit = DURATION_UNITS.find(([, factor]) => ms % factor === 0);
  // the day is written 24h, as most people write it
  const [name, factor] = ms === DAY_MS ? (['h', HOUR_MS] as const) : (unit ?? (['ms', 1] as const));
  return `${ms / factor}${name}`;
}

/** A number of bytes to be read, with one decimal at most: `592B`, `43.3MB`. */
export function roundSize(bytes: number): string {
  const [name, factor] = DECIMAL.find(([, one]) => bytes >= one) ?? ONE;
  const digits = factor === 1 ? 0 : 1;
  return `${(bytes / factor).toFixed(digits).replace(/\.0$/, '')}${name}`;
}

/** A duration to be read, in one unit: `3s`, `5m`, `2h`, `4d`. */
export function roundDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / SECOND_MS));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
