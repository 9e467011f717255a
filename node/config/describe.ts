import { z } from 'zod';
import { formatDuration, formatSize } from '../../protocols/common/quantities.ts';
import type { Setting } from './schema.ts';

/** The kind of value that a setting takes; lists are of texts, a size is a number of bytes, a duration one of milliseconds. */
export type Kind = 'boolean' | 'number' | 'size' | 'duration' | 'list' | 'text';

export function kindOf(setting: Setting): Kind {
  if (Array.isArray(setting.default)) return 'list';
  if (typeof setting.default === 'boolean') return 'boolean';
  if (typeof setting.default !== 'number') return 'text';
  if (setting.unit === 'bytes') return 'size';
  return setting.unit === 'milliseconds' ? 'duration' : 'number';
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

/** Describes a value of `setting` in words: `a whole number from 0 to 65535`, `a duration from 1s to 24h, such as 10m`. */
export function describeValue(setting: Setting): string {
  const shape = z.toJSONSchema(setting.schema) as Shape;
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = shape;
  const bounds = `from ${writeNumber(setting, minimum)} to ${writeNumber(setting, maximum)}`;
  switch (kindOf(setting)) {
    case 'size':
      return `a size ${bounds}, such as ${describeDefault(setting)}`;
    case 'duration':
      return `a duration ${bounds}, such as ${describeDefault(setting)}`;
    default:
      return describeShape(shape);
  }
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
  if (Array.isArray(setting.default)) return setting.default.join(',') || 'none';
  return typeof setting.default === 'number'
    ? writeNumber(setting, setting.default)
    : String(setting.default);
}

/** A number as a reader would write it, as `setting` means it. */
export function writeNumber(setting: Setting, value: number): string {
  const kind = kindOf(setting);
  if (kind === 'size') return formatSize(value);
  return kind === 'duration' ? formatDuration(value) : String(value);
}
