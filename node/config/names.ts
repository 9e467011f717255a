/** How a setting's dotted path is said elsewhere. The names are derived, so that no table can disagree. */

/** Variables that are not settings: the configuration file, and the gateway and identity of the client commands. */
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
