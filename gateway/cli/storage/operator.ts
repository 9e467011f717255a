/** How a command reaches the operator's listener of a node. */
import { type Command, Option } from 'commander';
import { CodedError } from '../../../protocols/common/errors.ts';
import { readSecretFile } from '../../core/secret-file.ts';
import { isLoopback } from '../../protection/guard.ts';
import { asking } from '../core/asked.ts';
import { UsageError } from '../core/errors.ts';
import { DEFAULT_ADMIN, localUrl } from '../core/local-node.ts';

export interface OperatorOptions {
  /** The listener's URL, where it is named. */
  readonly admin?: string;
  readonly adminTokenFile?: string;
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function addOperatorOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--admin <url>',
        `Admin listener of the node (a gateway does not serve this command); without it that of the node that runs on MAILLON_DATA or ./data, else ${DEFAULT_ADMIN}.`,
      ).env('MAILLON_ADMIN_URL'),
    )
    .addOption(
      new Option(
        '--admin-token-file <file>',
        'File (mode 0600) with its token, or with an API key of scope admin. By default admin.token in the data directory.',
      ).env('MAILLON_ADMIN_TOKEN_FILE'),
    )
    .option('--data <dir>', 'Data directory of the node. [MAILLON_DATA, default ./data]')
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option('--json', 'Print one JSON line at the end.');
}

export interface Sent {
  readonly path: string;
  /** Without one it is a question. */
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly type: string;
  readonly signal: AbortSignal;
}

/** The answer, which is none of a refusal. Throws `unreachable`, and refusals by their code. */
export async function ask(options: OperatorOptions, { path, body, type, signal }: Sent): Promise<Response> {
  const origin = originOf(options.admin ?? localUrl('admin', options.data));
  const url = new URL(path, origin);
  const init: RequestInit & { duplex: 'half' } = {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': type, ...(await tokenFor(origin, options)) },
    body: (body ?? null) as NonNullable<RequestInit['body']> | null,
    duplex: 'half',
    redirect: 'error',
    signal,
  };
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    signal.throwIfAborted();
    const message = `no admin listener answers at ${url.origin}`;
    throw new CodedError('unreachable_admin', message, undefined, { cause });
  }
  if (response.ok) return response;
  const said = (await response.json().catch(() => null)) as { error?: unknown; code?: unknown } | null;
  if (typeof said?.code !== 'string') {
    throw new CodedError('bad_answer', `what answers at ${url.origin} is no admin listener of Maillon`);
  }
  // the usual advice is about gateways
  if (said.code === 'unauthenticated') {
    const advice = 'name the data directory of that node with --data, or the file with --admin-token-file';
    throw new CodedError('no_admin_token', `${url.origin} does not know this token: ${advice}`);
  }
  throw new CodedError(said.code, String(said.error));
}

function originOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) {
    const { origin } = new URL(url);
    asking({ url: origin, option: '--admin' });
    return origin;
  }
  throw new UsageError(`"${url}" is no URL of an admin listener: it must be like ${DEFAULT_ADMIN}`);
}

/** The header with the token that was named, or with that of the node whose data directory is meant. */
async function tokenFor(origin: string, options: OperatorOptions): Promise<Record<string, string>> {
  const names = { setting: '--admin-token-file', code: 'bad_token_file' };
  const file = options.adminTokenFile ?? (await localTokenFile(origin, options));
  if (file === null) return {};
  const token = readSecretFile(file, names);
  if (token !== null) return { authorization: `Bearer ${token}` };
  if (options.adminTokenFile === undefined) return {};
  throw new CodedError('bad_token_file', `there is no file ${file}`);
}

/** Null where the listener is not this machine's, or another user's who took the port: neither is told the token of this node. */
async function localTokenFile(origin: string, { data, config }: OperatorOptions): Promise<string | null> {
  const { hostname, port } = new URL(origin);
  if (!isLoopback(hostname)) return null;
  const [{ loadConfig }, { tokenFileOf }, { isForeignListener }] = await Promise.all([
    import('../../../node/keys.ts'),
    import('../../admin/token.ts'),
    import('../../protection/socket-owners.ts'),
  ]);
  const flags = data === undefined ? {} : { data };
  const file = tokenFileOf(loadConfig({ flags, env: process.env, cwd: process.cwd(), file: config }));
  const address = hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '');
  if (!(await isForeignListener({ address, port: Number(port || 80) }, file))) return file;
  throw new CodedError(
    'foreign_listener',
    `what listens at ${origin} runs as another user than the owner of ${file}: it is not told the token; name the node's admin listener with --admin`,
  );
}
