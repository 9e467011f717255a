import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type * as Yaml from 'yaml';
import { fileReason } from '../disk/file-reason.ts';

const require = createRequire(import.meta.url);

/** Taken from the working directory when no file is named. */
export const DEFAULT_FILE = 'maillon.yaml';

/** Every setting with its longest list fits many times; parsing is not made to work on more. */
const FILE_MAX_BYTES = 64 * 1024;

export interface ConfigFile {
  /** Absolute path of the file, or of where it would be. */
  readonly path: string;
  /** Values by dotted path, in the order of the file. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Problems with the file as a whole. */
  readonly problems: readonly string[];
}

/** Reads `named`, which must exist, or `maillon.yaml` in `cwd`, which need not. */
export function readConfigFile(cwd: string, named: string | undefined): ConfigFile {
  const path = resolve(cwd, named ?? DEFAULT_FILE);
  let text: string;
  try {
    text = readBounded(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing && named === undefined) return { path, values: new Map(), problems: [] };
    return { path, values: new Map(), problems: [`configuration file ${path}: ${reason(error)}`] };
  }
  try {
    return { path, values: flatten(parseYaml(text)), problems: [] };
  } catch (error) {
    return { path, values: new Map(), problems: [`configuration file ${path}: ${reason(error)}`] };
  }
}

function reason(error: unknown): string {
  return fileReason(error).split('\n', 1)[0]?.replace(/:$/, '') ?? '';
}

function readBounded(path: string): string {
  const buffer = Buffer.alloc(FILE_MAX_BYTES + 1);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.byteLength; length += read) {
      read = readSync(file, buffer, length, buffer.byteLength - length, null);
    }
    if (length > FILE_MAX_BYTES) throw new Error(`it is larger than ${FILE_MAX_BYTES / 1024} KiB`);
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

function parseYaml(text: string): Record<string, unknown> {
  // only now: most starts find no file, and the parser takes a tenth of what a command line starts with
  const { parse } = require('yaml') as typeof Yaml;
  // Aliases are refused rather than counted: no setting needs one, and a few expand to gigabytes.
  const content: unknown = parse(text, { maxAliasCount: 0, uniqueKeys: true, logLevel: 'error' });
  if (content === null) return {};
  if (!isSection(content)) throw new Error('it must hold settings as "key: value"');
  return content;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nested sections to dotted paths. */
function flatten(
  section: Record<string, unknown>,
  prefix = '',
  into = new Map<string, unknown>(),
): Map<string, unknown> {
  for (const [key, value] of Object.entries(section)) {
    const path = prefix + key;
    if (into.has(path)) throw new Error(`${path} is said twice`);
    if (isSection(value)) flatten(value, `${path}.`, into);
    else into.set(path, value);
  }
  return into;
}
