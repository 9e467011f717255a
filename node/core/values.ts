import { CodedError } from '../../protocols/common/errors.ts';
import { didYouMean } from '../../protocols/common/spelling.ts';
import type { NodeFeature, ValuesOf } from './feature.ts';

type Values = ValuesOf<NodeFeature['settings']>;

/** The settings of a feature in a configuration that was checked; what is not in it is as by default. */
export function valuesIn(config: Readonly<Record<string, unknown>>, { settings }: NodeFeature): Values {
  return Object.fromEntries(settings.map(({ path, default: value }) => [path, config[path] ?? value]));
}

/** The settings of a feature that `said` gives by dotted path. Throws `bad_config`. */
export function checkedValues(
  said: Readonly<Record<string, unknown>>,
  { name, settings }: NodeFeature,
): Values {
  const paths = settings.map(({ path }) => path);
  const problems = Object.keys(said)
    .filter((path) => !paths.includes(path))
    .map((path) => `${path} is no setting of the feature ${name}${didYouMean(path, paths)}`);
  const values = settings.map(({ path, schema, default: value }): [string, unknown] => {
    const result = schema.safeParse(said[path] ?? value);
    if (!result.success) problems.push(`${path}: ${result.error.issues[0]?.message ?? 'not allowed'}`);
    return [path, result.data];
  });
  if (problems.length > 0) throw new CodedError('bad_config', problems.join('; '), { problems });
  return Object.fromEntries(values);
}

/** Throws `feature_exists` where a feature, or a section of the settings, has that name already. */
export function checkNew(
  { name }: Pick<NodeFeature, 'name'>,
  features: readonly Pick<NodeFeature, 'name'>[],
  sections: readonly string[],
): void {
  const isTaken = features.some((one) => one.name === name) || sections.includes(name);
  if (!isTaken) return;
  throw new CodedError(
    'feature_exists',
    `there is a feature or a section of settings called ${name} already`,
    {
      feature: name,
    },
  );
}
