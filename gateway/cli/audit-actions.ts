import { loadConfig } from '../../node/keys.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import {
  type AuditLine,
  auditDirectory,
  linesOf,
  listFiles,
  parseLine,
  type Verified,
  verifyFile,
  verifyLog,
} from '../audit/index.ts';
import { harmless, say, sayJson, table } from './core/terminal.ts';

export interface AuditOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export interface ShowOptions extends AuditOptions {
  readonly limit: number;
}

const HEADINGS = ['SEQ', 'TIME', 'EVENT', 'OUTCOME', 'ADDRESS', 'ACTOR', 'DETAIL'];

/** Throws `audit_broken` when something is wrong with it, once that was said. */
export async function verifyAudit(file: string | undefined, options: AuditOptions): Promise<void> {
  const verified = await found(async () =>
    file === undefined ? verifyLog(directoryOf(options)) : verifyFile(file),
  );
  const { problems } = verified;
  if (options.json) sayJson(verified);
  else if (problems.length === 0) say(describe(verified));
  else for (const { file: path, line, what } of problems) say(harmless(`${path}:${line}: ${what}`));
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'one fault' : `${problems.length} faults`;
  throw new CodedError('audit_broken', `${count} found: the log is not as it was written`);
}

export async function showAudit(file: string | undefined, options: ShowOptions): Promise<void> {
  const lines = await found(async () => latest(await filesOf(file, options), options.limit));
  if (options.json) for (const line of lines) sayJson(line);
  else say(table(HEADINGS, lines.map(rowOf)));
}

async function filesOf(file: string | undefined, options: AuditOptions): Promise<string[]> {
  if (file !== undefined) return [file];
  return (await listFiles(directoryOf(options))).map(({ path }) => path);
}

/** The last `limit` lines, from as few files as they are in. */
async function latest(files: readonly string[], limit: number): Promise<AuditLine[]> {
  let lines: AuditLine[] = [];
  for (const file of files.toReversed()) {
    const ofFile: AuditLine[] = [];
    for await (const { bytes } of linesOf(file)) {
      const line = parseLine(bytes.toString());
      if (line !== null) ofFile.push(line);
      if (ofFile.length >= 2 * limit) ofFile.splice(0, ofFile.length - limit);
    }
    lines = [...ofFile, ...lines].slice(-limit);
    if (lines.length === limit) break;
  }
  return lines;
}

function rowOf({ seq, time, event, outcome, address, actor, detail }: AuditLine): string[] {
  const fields = Object.entries(detail ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  return [String(seq), time, event, outcome, address ?? '', actor ?? '', fields.join(' ')];
}

function describe({ files, lines, first, last }: Verified): string {
  if (last === null) return 'nothing was written yet';
  const where = files === 1 ? 'one file' : `${files} files`;
  return `sound: ${lines} lines in ${where}, ${first} to ${last.seq}; the last has SHA-256 ${last.hash}`;
}

function directoryOf({ data, config }: AuditOptions): string {
  const flags = data === undefined ? {} : { data };
  return auditDirectory(loadConfig({ flags, env: process.env, cwd: process.cwd(), file: config }).data);
}

async function found<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw error;
    throw new CodedError('no_audit_log', `there is no audit log at ${path}`);
  }
}
