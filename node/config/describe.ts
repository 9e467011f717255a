import { z } from 'zod';
import type { Setting } from './schema.ts';

/** What kind of value a setting takes; lists are of texts. */
export type Kind = 'boolean' | 'number' | 'list' | 'text';

export function kindOf(setting: Setting): Kind {
  if (Array.isArray(setting.default)) return 'list';
  if (typeof setting.default === 'boolean') return 'boolean';
  return typeof setting.default === 'number' ? 'number' : 'text';
}

/** The parts of a JSON Schema that the settings use. */
interface Shape {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly anyOf?: readonly Shape[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What a value of `setting` must be, in words: `a whole number from 0 to 65535`. */
export function describeValue(setting: Setting): string {
  return describeShape(z.toJSONSchema(setting.schema) as Shape);
}

function describeShape(shape: Shape): string {
  if (shape.anyOf) return shape.anyOf.map((one) => describeShape(one)).join(' or ');
  if (shape.enum) return `one of ${shape.enum.join(', ')}`;
  if (shape.const !== undefined) return `"${shape.const}"`;
  if (shape.format === 'ipv4') return 'an IPv4 address';
  if (shape.format === 'ipv6') return 'an IPv6 address';
  if (shape.type === 'boolean') return 'true or false';
  if (shape.type === 'integer') return `a whole number from ${shape.minimum} to ${shape.maximum}`;
  if (shape.type === 'array') return 'a list of texts';
  return shape.pattern === undefined ? 'a text' : `a text that matches ${shape.pattern}`;
}

/** The default as a reader would write it. */
export function describeDefault(setting: Setting): string {
  return Array.isArray(setting.default) ? setting.default.join(',') || 'none' : String(setting.default);
}
