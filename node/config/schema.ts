import type { z } from 'zod';
import { DIRECTORY_SETTINGS } from './settings/directory.ts';
import { FEATURE_SETTINGS } from './settings/features.ts';
import { IPFS_SETTINGS } from './settings/ipfs.ts';
import { LISTENER_SETTINGS } from './settings/listeners.ts';
import { NETWORK_SETTINGS } from './settings/network.ts';
import { PROTECTION_SETTINGS } from './settings/protection.ts';
import { RELAY_SETTINGS } from './settings/relay.ts';
import { STORAGE_SETTINGS } from './settings/storage.ts';
import { WALLET_SETTINGS } from './settings/wallets.ts';

export type { Setting } from './settings/setting.ts';

/** Every setting there is. A key that is not here is refused by name. */
export const SETTINGS = [
  ...NETWORK_SETTINGS,
  ...DIRECTORY_SETTINGS,
  ...RELAY_SETTINGS,
  ...STORAGE_SETTINGS,
  ...WALLET_SETTINGS,
  ...IPFS_SETTINGS,
  ...FEATURE_SETTINGS,
  ...LISTENER_SETTINGS,
  ...PROTECTION_SETTINGS,
] as const;

/** Every setting with its value, by dotted path. */
export type Config = {
  readonly [S in (typeof SETTINGS)[number] as S['path']]: z.output<S['schema']>;
} & {
  /** Paths that were said, by flag, variable or file, rather than taken from the defaults. */
  readonly explicit: ReadonlySet<string>;
};

export const DEFAULTS: Config = {
  ...(Object.fromEntries(SETTINGS.map((setting) => [setting.path, setting.default])) as unknown as Omit<
    Config,
    'explicit'
  >),
  explicit: new Set(),
};
