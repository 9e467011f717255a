/** The settings of a node as a file to look at, and to start a restored node with. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { networkKeyPath } from '../identity/membership-file.ts';

/** Settings that name a file which the node needs and a backup does not hold. */
const FILE_SETTINGS = [
  'identity.passphraseFile',
  'network.keyFile',
  'admin.tokenFile',
  'gateway.stateCredentialsFile',
  'gateway.tls.cert',
  'gateway.tls.key',
] as const satisfies readonly (keyof Config)[];

/** User and password in a URL. */
const USER_INFO = /\/\/[^/@\s]*@/;

/** The settings that were said, as maillon.yaml takes them. JSON is YAML. */
export function settingsText(config: Config): string {
  const lines = [...config.explicit].toSorted().map((path) => {
    const value = JSON.stringify(config[path as keyof Config]).replace(USER_INFO, '//');
    return `${path}: ${value}\n`;
  });
  const head = `# The settings of this node when the backup was made. Passwords in URLs are left out.\n`;
  return head + (lines.length === 0 ? '{}\n' : lines.join(''));
}

/** The network key that an invite brought is in the data directory, and copied from there. */
function isInBackup(config: Config, path: (typeof FILE_SETTINGS)[number]): boolean {
  return path === 'network.keyFile' && resolve(config[path]) === resolve(networkKeyPath(config.data));
}

/** `setting file`, of each that is used and outside the backup. */
export function filesOutside(config: Config): string[] {
  const named = FILE_SETTINGS.filter(
    (path) => config[path] !== '' && existsSync(config[path]) && !isInBackup(config, path),
  );
  const state = config['gateway.state'] === '' ? [] : ['gateway.state (the rqlite cluster)'];
  return [...named.map((path) => `${path} (${config[path]})`), ...state];
}
