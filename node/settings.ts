/** Settings of the node and of all its features, those of third parties included. */
import { type ConfigSources, loadConfig as load } from './config/load.ts';
import { SETTINGS as CORE_SETTINGS, type Config, type Setting } from './config/schema.ts';
import type { NodeFeature } from './core/feature.ts';
import { featureAt } from './core/from-path.ts';
import { brokenOff } from './core/off.ts';
import { checkNew } from './core/values.ts';
import { FEATURES } from './features.ts';

/** Every setting there is, but for those of third parties. A key that is not here is refused by name. */
export const SETTINGS: readonly Setting[] = [
  ...new Set<Setting>([...CORE_SETTINGS, ...FEATURES.flatMap(({ settings }) => settings)]),
];

/** Names that no feature of a third party may have: first parts of paths, and features. */
export const SECTIONS: readonly string[] = [
  ...new Set([
    ...SETTINGS.map(({ path }) => path.split('.', 1)[0] ?? path),
    ...FEATURES.map(({ name }) => name),
  ]),
];

/**
 * Reads the configuration once: flags over environment over file over defaults. Imports the modules that `features.paths` names, for their
 * settings. Throws a `ConfigError` that names every unknown key and every bad value, where it was said, and what it must be;
 * `bad_feature`, `feature_exists`.
 */
export function loadConfig(sources: ConfigSources): Config {
  const added: NodeFeature[] = [];
  return load(sources, {
    settings: SETTINGS,
    settingsAt: (path) => {
      const feature = featureAt(path);
      checkNew(feature, added, SECTIONS);
      added.push(feature);
      return feature.settings;
    },
    broken: (config) => brokenOff(config, [...FEATURES, ...added]),
  });
}
