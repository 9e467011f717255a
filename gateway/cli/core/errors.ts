import { CommanderError } from 'commander';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { askedLast, NOT_MAILLON } from './asked.ts';

export const EXIT_FAILED = 1;
/** The command was not understood: a flag, an argument or a setting is wrong. */
export const EXIT_USAGE = 2;

const USAGE_CODES: ReadonlySet<string> = new Set(['bad_usage', 'bad_config', 'bad_key_name']);

/** The next step, by error code. Codes whose message says it already are not here. */
const NEXT: Readonly<Record<string, string>> = {
  bad_config: 'see maillon node --help for every setting',
  unauthenticated: 'sign in: maillon login --gateway URL',
  no_session: 'see whose there are: maillon whoami; or sign in: maillon login --gateway URL',
  namespace_mismatch: 'a session is for one namespace: maillon login --namespace NAME',
  no_peers: 'the gateway reaches no node yet; see why: maillon status',
  overloaded: 'try again in a moment',
  insufficient_replicas: 'see who is there: maillon storage where KEY',
  outcome_unknown: 'read it before trying again: maillon get KEY',
  list_incomplete: 'try again in a moment',
  forbidden: 'see who may: maillon namespace show NAME',
  over_quota: 'see what takes it: maillon list --long',
  no_room: 'see what is free: maillon storage status',
  no_such_key: 'see which there are: maillon keys list',
  no_audit_log: 'name the data directory of the node or gateway: --data',
  bad_session_file: 'delete it and sign in again: maillon logout --all, maillon login',
  session_version: 'sign in again: maillon login',
  login_timeout: 'start again: maillon login --browser',
  key_exists: 'choose another name, or put a new key in its place: maillon keys rotate NAME',
  bad_key_file: 'restore it from a backup, or move it away',
  EADDRINUSE: 'stop what uses the port, or choose another',
  EACCES: 'check the permissions',
};

const UNREACHABLE_CODES: ReadonlySet<string> = new Set(['unreachable', 'unreachable_admin']);
/** Errors that another server than a gateway may be behind: what is not of its form ends in `bad_answer`, or in a fault here. */
const LISTENER_CODES: ReadonlySet<string> = new Set([...UNREACHABLE_CODES, 'bad_answer', 'internal']);

/** Wrong use of a command that commander itself cannot see. Exit code 2. */
export class UsageError extends CodedError {
  constructor(message: string) {
    super('bad_usage', message);
  }
}

/** Writes the one line an error deserves to standard error, and returns the exit code. */
export async function reportError(
  error: unknown,
  form: { readonly json: boolean; readonly command?: string },
): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  // Commander shows the help itself when no command is given.
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_USAGE;

  const { code, message, cause, next } = (await explainListener(error)) ?? explainByCode(error, form.command);
  const line = form.json
    ? JSON.stringify({ error: message, code, cause, next })
    : `maillon: ${message}${next === undefined ? '' : ` (${next})`}`;
  process.stderr.write(`${line.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  return USAGE_CODES.has(code) ? EXIT_USAGE : EXIT_FAILED;
}

export interface Explained {
  readonly code: string;
  readonly message: string;
  /** The underlying cause, where the code has several. */
  readonly cause?: string;
  readonly next?: string;
}

/** Explains an error from an unreachable gateway or a server that is no gateway; null for any other error. */
export async function explainListener(error: unknown): Promise<Explained | null> {
  const code = codeOf(error);
  const asked = askedLast();
  if (asked === null || !LISTENER_CODES.has(code)) return null;
  const { diagnose, isMaillon, notMaillon } = await import('./unreachable.ts');
  if (UNREACHABLE_CODES.has(code)) {
    const found = await diagnose(asked, error);
    return { code: found.cause === NOT_MAILLON ? 'bad_answer' : code, ...found };
  }
  return (await isMaillon(asked)) === false ? { code: 'bad_answer', ...notMaillon(asked) } : null;
}

function explainByCode(error: unknown, command: string | undefined): Explained {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '').replace('(Did you mean', '(did you mean');
    return { code: 'bad_usage', message, next: `see maillon ${command ? `${command} ` : ''}--help` };
  }
  const code = codeOf(error);
  const next = code === 'bad_usage' && command ? `see maillon ${command} --help` : NEXT[code];
  return { code, message: errorMessage(error) || code, ...(next === undefined ? {} : { next }) };
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'internal';
}
