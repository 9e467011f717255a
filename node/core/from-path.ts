/** Features of third parties, by the paths of their modules. They are trusted code: nothing keeps them from anything. */
import { createRequire } from 'node:module';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { Setting } from '../config/settings/setting.ts';
import type { NodeFeature } from './feature.ts';

const require = createRequire(import.meta.url);

const NAME = /^[a-z][a-z0-9]*$/;

/**
 * The exports of the module at an absolute path. Node loads a module once: what changes on disk later counts from the next start
 * of the process. Throws `bad_feature`.
 */
export function featureModuleAt(path: string): Readonly<Record<string, unknown>> {
  try {
    return require(path) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ERR_REQUIRE_ASYNC_MODULE'
        ? 'the module must not await at its top level'
        : (errorMessage(error).split('\n', 1)[0] ?? '');
    throw badFeature(path, reason, { cause: error });
  }
}

/** The feature that the module at an absolute path exports as `feature`. Throws `bad_feature`, which says what is missing. */
export function featureAt(path: string): NodeFeature {
  const { feature } = featureModuleAt(path);
  const missing = missingOf(feature);
  if (missing !== null) throw badFeature(path, missing);
  return feature as NodeFeature;
}

function badFeature(path: string, reason: string, options?: ErrorOptions): CodedError {
  return new CodedError('bad_feature', `${path} is no feature: ${reason}`, { path, reason }, options);
}

/** Names the part that a value lacks to be a feature; null where it is one. */
function missingOf(feature: unknown): string | null {
  if (typeof feature !== 'object' || feature === null) return 'it exports no object "feature"';
  const { name, settings, limits, load, needs = [] } = feature as Partial<Record<keyof NodeFeature, unknown>>;
  if (typeof name !== 'string' || !NAME.test(name)) return `feature.name must match ${NAME.source}`;
  if (typeof load !== 'function') return 'feature.load must be a function that imports its code';
  if (!Array.isArray(settings)) return 'feature.settings must be a list';
  if (!Array.isArray(limits)) return 'feature.limits must be a list';
  if (!Array.isArray(needs)) return 'feature.needs must be a list';
  for (const one of settings as Partial<Setting>[]) {
    const isOwn = typeof one.path === 'string' && one.path.startsWith(`${name}.`);
    if (!isOwn) return `each of feature.settings must have a path that begins with "${name}."`;
    if (typeof one.schema?.safeParse !== 'function' || typeof one.help !== 'string') {
      return `the setting ${one.path} must have a schema and a help text`;
    }
    if (!one.schema.safeParse(one.default).success) {
      return `the default of the setting ${one.path} does not fit its schema`;
    }
  }
  return null;
}
