/** How a setting's dotted path is said elsewhere. The names are derived, so that no table can disagree. */

/** Variables that are no settings: where the configuration file is, and to which gateway the client commands talk, as whom. */
export const OTHER_VARIABLES = [
  'MAILLON_ADMIN_URL',
  'MAILLON_API_KEY_FILE',
  'MAILLON_CONFIG',
  'MAILLON_JOIN_FILE',
  'MAILLON_URL',
] as const;

/** Every variable with this prefix is Maillon's: one that is not known is refused. */
export const VARIABLE_PREFIX = 'MAILLON_';

/** `gateway.allowedHosts` → `gateway-allowed-hosts`. */
function words(path: string, separator: string): string {
  return path.replaceAll('.', separator).replaceAll(/[A-Z]/g, (letter) => separator + letter.toLowerCase());
}

/** `gateway.allowedHosts` → `--gateway-allowed-hosts`. */
export function flagOf(path: string): string {
  return `--${words(path, '-')}`;
}

/** `gateway.allowedHosts` → `MAILLON_GATEWAY_ALLOWED_HOSTS`. */
export function variableOf(path: string): string {
  return VARIABLE_PREFIX + words(path, '_').toUpperCase();
}

/** Longer names are no typing mistakes, and comparing costs the product of the lengths. */
const SUGGEST_MAX_LENGTH = 80;

/** The candidate nearest to `name` if a typing mistake could lie between them. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > SUGGEST_MAX_LENGTH) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** ` (did you mean x?)`, or nothing when no candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const suggestion = nearest(name, candidates);
  return suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
