/** The file in a data directory that says which process runs there, and where it listens: the command line finds its node by it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';
import { readPrivateFile, SECRET_MODE } from './private-file.ts';

const FILE = 'run.json';
const VERSION = 1;
/** Longer than any file written here. */
const FILE_MAX_BYTES = 16_384;
/** Fields of /proc/<pid>/stat behind the name of the program, up to the time at which it started. */
const START_FIELD = 19;

/** A process that serves a data directory. */
export interface RunInfo {
  readonly pid: number;
  readonly peerId: string;
  /** Where its gateway is reached on this machine; null when it has none. */
  readonly gateway: string | null;
  /** Where its admin listener is; null when it has none. */
  readonly admin: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

/** Says that this process runs on `directory`, which it must hold. */
export function writeRunFile(directory: string, info: Omit<RunInfo, 'pid'>): void {
  const { pid } = process;
  const content = { version: VERSION, pid, processStart: processStart(pid), ...info };
  writeFileAtomic(join(directory, FILE), Buffer.from(`${JSON.stringify(content)}\n`), SECRET_MODE);
}

/** Removes what this process wrote; the file of another one stays. */
export function removeRunFile(directory: string): void {
  if (readRunFile(directory)?.pid === process.pid) rmSync(join(directory, FILE), { force: true });
}

/**
 * The process that runs on `directory`; null when no process does. A file that a killed process left counts for
 * nothing: its pid is free, or another program's, which started at another time.
 */
export function readRunFile(directory: string): RunInfo | null {
  const found = parse(directory);
  if (found === null || !isRunning(found.pid)) return null;
  const { processStart: start, ...info } = found;
  return start === null || start === processStart(info.pid) ? info : null;
}

type Content = RunInfo & { readonly processStart: string | null };

/** Without a library of schemas: every command of the command line reads it. Null for what is no file of ours. */
function parse(directory: string): Content | null {
  try {
    const file = readPrivateFile(join(directory, FILE), FILE_MAX_BYTES);
    if (file === null || file === 'too_large') return null;
    const said = JSON.parse(new TextDecoder().decode(file.bytes)) as Record<string, unknown>;
    const { version, pid, peerId, startedAt, gateway, admin, processStart: start } = said;
    if (version !== VERSION || !Number.isSafeInteger(pid) || !Number.isSafeInteger(startedAt)) return null;
    if ((pid as number) < 1 || typeof peerId !== 'string') return null;
    if (!isUrlOrNull(gateway) || !isUrlOrNull(admin) || !(start === null || typeof start === 'string'))
      return null;
    return {
      pid: pid as number,
      peerId,
      startedAt: startedAt as number,
      gateway,
      admin,
      processStart: start,
    };
  } catch {
    // another user's, or cut short: whoever asks goes on without
    return null;
  }
}

function isUrlOrNull(value: unknown): value is string | null {
  if (value === null) return true;
  return typeof value === 'string' && /^https?:$/.test(URL.parse(value)?.protocol ?? '');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since the machine did; null where the system does not tell. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the name is in brackets and may hold anything
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD] ?? null;
  } catch {
    return null;
  }
}
