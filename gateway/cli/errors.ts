import { CommanderError } from 'commander';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';

export const EXIT_FAILED = 1;
/** The command was not understood: a flag, an argument or a setting is wrong. */
export const EXIT_USAGE = 2;

const USAGE_CODES: ReadonlySet<string> = new Set(['bad_usage', 'bad_config', 'bad_key_name']);

/** What to do next, by error code. Codes whose message says it already are not here. */
const NEXT: Readonly<Record<string, string>> = {
  bad_config: 'see maillon node --help for every setting',
  unreachable: 'start one with: npm start, or name another with --url',
  unauthenticated: 'sign in: maillon login --gateway URL',
  no_session: 'see whose there are: maillon whoami; or sign in: maillon login --gateway URL',
  namespace_mismatch: 'a session is for one namespace: maillon login --namespace NAME',
  no_peers: 'the gateway reaches no node yet: check its --bootstrap and try again',
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

/** Wrong use of a command that commander itself cannot see. Exit code 2. */
export class UsageError extends CodedError {
  constructor(message: string) {
    super('bad_usage', message);
  }
}

/** Writes the one line an error deserves to standard error, and returns the exit code. */
export function reportError(
  error: unknown,
  form: { readonly json: boolean; readonly command?: string },
): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  // Commander shows the help itself when no command is given.
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_USAGE;

  const { code, message, next } = explain(error, form.command);
  const line = form.json
    ? JSON.stringify({ error: message, code })
    : `maillon: ${message}${next === undefined ? '' : ` (${next})`}`;
  process.stderr.write(`${line.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  return USAGE_CODES.has(code) ? EXIT_USAGE : EXIT_FAILED;
}

function explain(
  error: unknown,
  command: string | undefined,
): { code: string; message: string; next?: string } {
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
