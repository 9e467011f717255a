import { dirname, resolve } from 'node:path';
import { CodedError } from '../../protocols/common/errors.ts';
import { parseDuration, parseSize } from '../../protocols/common/quantities.ts';
import { didYouMean, nearest } from '../../protocols/common/spelling.ts';
import { describeValue, kindOf, writeNumber } from './describe.ts';
import { readConfigFile } from './file.ts';
import { flagOf, OTHER_VARIABLES, VARIABLE_PREFIX, variableOf } from './names.ts';
import { brokenRelations } from './relations.ts';
import type { Config, Setting } from './schema.ts';

export interface ConfigSources {
  /** Values of flags by dotted path: texts as typed, a list of texts when repeated, or true and false. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: NodeJS.ProcessEnv;
  /** Where `maillon.yaml` is looked for and relative paths begin. */
  readonly cwd: string;
  /** Configuration file asked for by name; MAILLON_CONFIG names one otherwise. */
  readonly file?: string | undefined;
  /** Defaults that differ from the table's, for a command that needs others. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** The settings that may be given, and conditions that they must meet. */
export interface KnownSettings {
  readonly settings: readonly Setting[];
  /** Settings of the feature whose module is at an absolute path. */
  readonly settingsAt: (path: string) => readonly Setting[];
  /** Finds settings that contradict each other. */
  readonly broken: (config: Config) => string[];
}

/** Code `bad_config`. `detail.problems` lists everything found, each naming its setting and its source. */
export class ConfigError extends CodedError {
  constructor(problems: readonly string[]) {
    const shown = problems.slice(0, PROBLEMS_SHOWN);
    const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : '';
    super('bad_config', shown.join('; ') + more, { problems });
  }
}

/** A file of nonsense must not become a message of thousands of lines. */
const PROBLEMS_SHOWN = 5;
/** A bad value is quoted up to here. */
const QUOTED_MAX = 80;

interface Said {
  /** As someone wrote it: a refusal quotes it. */
  readonly written: unknown;
  /** As its setting means it. */
  readonly value: unknown;
  /** `flag --data`, `variable MAILLON_DATA`, `data in /etc/maillon.yaml`. */
  readonly origin: string;
  /** The configuration file that says it. */
  readonly file?: string;
}

/** Settings by their path. */
type Known = ReadonlyMap<string, Setting>;

const PATHS_SETTING = 'features.paths';

/**
 * Reads the configuration once: flags over environment over file over defaults. Throws a `ConfigError` that
 * names every unknown key and every bad value, where it was said, and what it must be.
 */
export function loadConfig(sources: ConfigSources, { settings, settingsAt, broken }: KnownSettings): Config {
  const paths = pathsOfFeatures(sources, byPath(settings));
  const known = byPath([...settings, ...paths.flatMap((path) => settingsAt(path))]);
  const problems: string[] = [];
  const said = allSaid(sources, known, problems);
  const values: [string, unknown][] = [...known.values()].map((setting) => {
    const found = said.get(setting.path);
    if (!found) return [setting.path, sources.defaults?.[setting.path] ?? setting.default];
    return [setting.path, checked(setting, found, problems)];
  });
  if (problems.length > 0) throw new ConfigError(problems);

  const config = { ...Object.fromEntries(values), explicit: new Set(said.keys()) } as unknown as Config;
  const cite = (path: string) =>
    `${path} (${shown(known.get(path), config[path as keyof Config])}, ${said.has(path) ? `from ${said.get(path)?.origin}` : 'by default'})`;
  const unfit = [...brokenRelations(config, cite), ...broken(config)];
  if (unfit.length > 0) throw new ConfigError(unfit);
  return { ...config, data: resolve(sources.cwd, config.data), [PATHS_SETTING]: paths };
}

function byPath(settings: readonly Setting[]): Known {
  return new Map(settings.map((setting) => [setting.path, setting]));
}

/** Absolute paths of modules of features, which say what else may be said. Other faults are found later. */
function pathsOfFeatures(sources: ConfigSources, known: Known): string[] {
  const said = allSaid(sources, known, []).get(PATHS_SETTING);
  const paths = known.get(PATHS_SETTING)?.schema.safeParse(said?.value);
  if (said === undefined || paths?.success !== true) return [];
  const base = said.file === undefined ? sources.cwd : dirname(said.file);
  return (paths.data as readonly string[]).map((path) => resolve(base, path));
}

function allSaid(sources: ConfigSources, known: Known, problems: string[]): Map<string, Said> {
  return new Map([
    ...saidInFile(sources, known, problems),
    ...saidInEnvironment(sources.env, known, problems),
    ...saidInFlags(sources.flags, known, problems),
  ]);
}

function saidInFile(sources: ConfigSources, known: Known, problems: string[]): Map<string, Said> {
  const named = sources.file ?? (sources.env['MAILLON_CONFIG'] || undefined);
  const { path: file, values, problems: found } = readConfigFile(sources.cwd, named);
  problems.push(...found);
  const said = new Map<string, Said>();
  for (const [path, written] of values) {
    const setting = known.get(path);
    if (setting !== undefined)
      said.set(path, { written, value: fromFile(setting, written), origin: `file ${file}`, file });
    else if (written !== null || !isSectionName(path, known))
      problems.push(`unknown setting ${quoteName(path)} in ${file}${didYouMean(path, known.keys())}`);
  }
  return said;
}

/** A section with nothing but comments in it reads as null and is no setting. */
function isSectionName(path: string, known: Known): boolean {
  return [...known.keys()].some((one) => one.startsWith(`${path}.`));
}

/** An empty variable counts as not said: that is what a compose file passes for one that is not set. */
function saidInEnvironment(env: NodeJS.ProcessEnv, known: Known, problems: string[]): Map<string, Said> {
  const byVariable = new Map([...known.values()].map((setting) => [variableOf(setting.path), setting]));
  const said = new Map<string, Said>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(VARIABLE_PREFIX) || (OTHER_VARIABLES as readonly string[]).includes(name)) continue;
    const setting = byVariable.get(name);
    if (setting === undefined) {
      problems.push(`unknown variable ${quoteName(name)}${variableLike(name, byVariable.keys())}`);
    } else if (value) {
      const origin = `variable ${name}`;
      said.set(setting.path, { written: value, value: fromText(setting, value), origin });
    }
  }
  return said;
}

/** Compared without the prefix: all share it, so it would make any two look alike. */
function variableLike(name: string, known: Iterable<string>): string {
  const bare = [...known, ...OTHER_VARIABLES].map((variable) => variable.slice(VARIABLE_PREFIX.length));
  const like = nearest(name.slice(VARIABLE_PREFIX.length), bare);
  return like === undefined ? '' : ` (did you mean ${VARIABLE_PREFIX}${like}?)`;
}

function saidInFlags(
  flags: Readonly<Record<string, unknown>>,
  known: Known,
  problems: string[],
): Map<string, Said> {
  const said = new Map<string, Said>();
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const flag = flagOf(path);
    const setting = known.get(path);
    if (setting !== undefined)
      said.set(path, { written: value, value: fromText(setting, value), origin: `flag ${flag}` });
    else problems.push(`unknown flag ${quoteName(flag)}${didYouMean(flag, [...known.keys()].map(flagOf))}`);
  }
  return said;
}

/** A value of the file has its type already, but for sizes and durations. */
function fromFile(setting: Setting, value: unknown): unknown {
  return typeof value === 'string' ? quantityFromText(setting, value) : value;
}

/** A text as its setting means it. A text that does not convert stays a text, for the schema to refuse. */
function fromText(setting: Setting, value: unknown): unknown {
  const kind = kindOf(setting);
  if (kind === 'list') return listFromText(value);
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (kind === 'number') return /^-?\d{1,15}$/.test(text) ? Number(text) : value;
  if (kind === 'size' || kind === 'duration') return quantityFromText(setting, text);
  if (kind === 'boolean')
    return text === 'true' || text === '1' || (text === 'false' || text === '0' ? false : value);
  return value;
}

/** A plain number is in the unit of the setting's name: bytes or milliseconds. */
function quantityFromText(setting: Setting, text: string): unknown {
  const kind = kindOf(setting);
  if (kind === 'size') return parseSize(text) ?? text;
  return kind === 'duration' ? (parseDuration(text, { plainMs: 1 }) ?? text) : text;
}

function listFromText(value: unknown): unknown {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  return texts
    .flatMap((text) => (typeof text === 'string' ? text.split(',').map((item) => item.trim()) : [text]))
    .filter((item) => item !== '');
}

function checked(setting: Setting, said: Said, problems: string[]): unknown {
  const result = setting.schema.safeParse(said.value);
  if (result.success) return result.data;
  problems.push(
    `${setting.path} (from ${said.origin}) must be ${describeValue(setting)}, not ${quote(said.written)}`,
  );
  return undefined;
}

function shown(setting: Setting | undefined, value: unknown): string {
  return setting && typeof value === 'number' ? writeNumber(setting, value) : quote(value);
}

function quote(value: unknown): string {
  const text = value === null ? 'empty' : (JSON.stringify(value) ?? typeof value);
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text;
}

/** A name as found, safe to show on one line. */
function quoteName(name: string): string {
  return quote(name).slice(1).replace(/"$/, '');
}
