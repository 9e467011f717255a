import { CodedError } from '../../protocols/common/errors.ts';
import type { NodeFeature } from './feature.ts';

/** Keys of a configuration that the question needs: `features.off`, and the settings that features are enabled by. */
export type Switches = Readonly<Record<string, unknown>> & { readonly 'features.off': readonly string[] };

/** Tells how to turn a feature on that is off; null where it is on. */
export function reasonOff(name: string, features: readonly NodeFeature[], switches: Switches): string | null {
  const feature = features.find((one) => one.name === name);
  if (feature === undefined) return 'there is no feature of that name';
  const { isEssential = false, enabledBy, needs = [] } = feature;
  if (isEssential) return null;
  if (switches['features.off'].includes(name)) return `take "${name}" out of features.off`;
  if (enabledBy !== undefined && switches[enabledBy] === false) return `set ${enabledBy} to true`;
  for (const need of needs) {
    const reason = reasonOff(need, features, switches);
    if (reason !== null) return `it needs ${need}, which is off: ${reason}`;
  }
  return null;
}

/** The error of a use of a feature that is off. */
export function featureOff(name: string, reason: string): CodedError {
  return new CodedError('feature_off', `${name} is off at this node: ${reason}`, { feature: name });
}

/** Faults of `features.off`. */
export function brokenOff(switches: Switches, features: readonly NodeFeature[]): string[] {
  const optional = features.filter(({ isEssential }) => isEssential !== true).map(({ name }) => name);
  return switches['features.off']
    .filter((name) => !optional.includes(name))
    .map((name) => `features.off holds "${name}", which must be one of ${optional.join(', ')}`);
}
