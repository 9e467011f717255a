/** How a command reaches the operator's listener of a node. */
import { type Command, Option } from 'commander';
import { CodedError } from '../../../protocols/common/errors.ts';
import { readSecretFile } from '../../secret-file.ts';
import { UsageError } from '../errors.ts';

export interface OperatorOptions {
  readonly admin: string;
  readonly adminTokenFile?: string;
  readonly json?: boolean;
}

const DEFAULT_ADMIN = 'http://127.0.0.1:9464';

export function addOperatorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--admin <url>', 'Admin listener of the node; it says it when it starts.')
        .env('MAILLON_ADMIN_URL')
        .default(DEFAULT_ADMIN),
    )
    .addOption(
      new Option('--admin-token-file <file>', 'File with the token that it asks for, if it does.').env(
        'MAILLON_ADMIN_TOKEN_FILE',
      ),
    )
    .option('--json', 'Print one JSON line at the end.');
}

export interface Sent {
  readonly path: string;
  /** Null: it is only asked for. */
  readonly body: string | AsyncIterable<Uint8Array> | null;
  readonly type: string;
  readonly signal: AbortSignal;
}

/** The answer, which is none of a refusal. Throws `unreachable`, and refusals by their code. */
export async function ask(options: OperatorOptions, { path, body, type, signal }: Sent): Promise<Response> {
  const url = new URL(path, originOf(options.admin));
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': type, ...tokenOf(options) },
    body: body as NonNullable<RequestInit['body']>,
    duplex: 'half',
    redirect: 'error',
    signal,
  };
  let response: Response;
  try {
    response = await fetch(url, body === null ? { ...init, method: 'GET' } : init);
  } catch (cause) {
    signal.throwIfAborted();
    const message = `no admin listener answers at ${url.origin}: name it with --admin`;
    throw new CodedError('unreachable_admin', message, undefined, { cause });
  }
  if (response.ok) return response;
  const said = (await response.json().catch(() => null)) as { error?: unknown; code?: unknown } | null;
  if (typeof said?.code !== 'string') {
    throw new CodedError('bad_answer', `what answers at ${url.origin} is no admin listener of Maillon`);
  }
  throw new CodedError(said.code, String(said.error));
}

function originOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return new URL(url).origin;
  throw new UsageError(`"${url}" is no URL of an admin listener: it must be like ${DEFAULT_ADMIN}`);
}

function tokenOf({ adminTokenFile }: OperatorOptions): Record<string, string> {
  if (adminTokenFile === undefined) return {};
  const names = { setting: '--admin-token-file', code: 'bad_token_file' };
  const token = readSecretFile(adminTokenFile, names);
  if (token === null) throw new CodedError('bad_token_file', `there is no file ${adminTokenFile}`);
  return { authorization: `Bearer ${token}` };
}
