import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Client,
  createClient,
  DEFAULT_NAMESPACE,
  type WebSocketConstructor,
} from '../../client/index.ts';
import type { TransportInit } from '../../client/transport.ts';
import { type Asked, asking, NOT_MAILLON } from '../core/asked.ts';
import { UsageError } from '../core/errors.ts';
import { DEFAULT_GATEWAY, localUrl } from '../core/local-node.ts';
import { hasJoined, sessionsDirectory } from '../core/place.ts';
import type { Credential } from './enter.ts';

const UNAUTHENTICATED = 401;
/** `--as none`: without a credential, although there is one. */
const NOBODY = 'none';

/** Options of every command that talks to a gateway. */
export interface RemoteOptions {
  /** The gateway's, where it is named. */
  readonly url?: string;
  readonly as?: string;
  readonly json?: boolean;
  readonly namespace?: string;
  /** Where the command has it: the data directory with the keys. */
  readonly data?: string;
}

/** A gateway, and the identity in use there. */
export interface Entered {
  readonly client: Client;
  /** That of the command, else that of the credential; the gateway's default one where both are missing. */
  readonly namespace: string | undefined;
  /** Whether there is no credential: the gateway takes whoever asks from its machine for its operator. */
  readonly isOperator: boolean;
  /** For routes that the client has no method for. */
  readonly transport: TransportInit;
}

export interface EnterInit {
  readonly fetch?: typeof globalThis.fetch;
  /** Whether what is sent is signed here, and so is good without a credential where the gateway lets it be. */
  readonly isSigned?: boolean;
}

/** `--url`, or `--gateway`: the same. */
export function urlOption(): Option {
  return new Option(
    '--gateway, --url <url>',
    `Gateway to talk to; without it that of the node that runs on MAILLON_DATA or ./data, else ${DEFAULT_GATEWAY}.`,
  ).env('MAILLON_URL');
}

export function addRemoteOptions(command: Command, jsonHelp: string): Command {
  return command
    .addOption(urlOption())
    .option(
      '--as <who>',
      'Wallet or key whose session there is used; none for no session. See maillon whoami.',
    )
    .option('--json', jsonHelp);
}

/** `--namespace`, for the commands that deal with topics. */
export function addNamespace(command: Command): Command {
  return command.option(
    '--namespace <name>',
    "Namespace of the topic, name@did:… of another owner; the session's or default when missing.",
  );
}

/** Origin of the gateway that the options name, or of this directory's node where they name none. Throws `no_listener`. */
export function gatewayOf(named: string | undefined): string {
  const url = named ?? localUrl('gateway');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is no gateway's URL: it must be like ${DEFAULT_GATEWAY}`);
  }
  const { origin } = new URL(url);
  asking({ url: origin, option: '--url' });
  return origin;
}

export async function connect(options: RemoteOptions, init: EnterInit = {}): Promise<Client> {
  return (await enter(options, init)).client;
}

/** A client of the gateway, with the credential that the user has there, if any. */
export async function enter(options: RemoteOptions, init: EnterInit = {}): Promise<Entered> {
  const url = gatewayOf(options.url);
  const fetch = fromMaillonOnly(init.fetch ?? globalThis.fetch, { url, option: '--url' });
  const credential = await credentialAt(url, options, init);
  if (credential === null) {
    const transport = { url, fetch };
    const namespace = hasJoined() ? await nameForOwner(options.namespace) : options.namespace;
    return { client: createClient(transport), namespace, isOperator: true, transport };
  }
  const transport = { url, fetch: fetchWith(credential, fetch) };
  const client = createClient({ ...transport, WebSocket: webSocketWith(credential) });
  return { client, namespace: options.namespace ?? credential.namespace, isOperator: false, transport };
}

/** Where this command line has joined, a name without an owner means a namespace of the owner that invited it, at any gateway. */
async function nameForOwner(name = DEFAULT_NAMESPACE): Promise<string> {
  const { readMembership, userDirectory } = await import('../../../node/keys.ts');
  const membership = readMembership(userDirectory());
  return membership === null || name.includes('@') ? name : `${name}@${membership.owner}`;
}

/** An API key, or a session; null for neither. The code for them is loaded when there are some. */
export async function credentialAt(
  gateway: string,
  { as, namespace, data }: RemoteOptions,
  { isSigned = false }: EnterInit = {},
): Promise<Credential | null> {
  if (as === NOBODY) return null;
  const file = process.env['MAILLON_API_KEY_FILE'];
  if (as === undefined && file) return (await import('./enter.ts')).apiKeyCredential(file);
  if (as === undefined && !existsSync(sessionsDirectory())) return null;
  const { sessionCredential } = await import('./enter.ts');
  return sessionCredential({
    gateway,
    isSigned,
    data,
    ...(as === undefined ? {} : { as }),
    ...(namespace === undefined ? {} : { namespace }),
  });
}

/** Nobody is redirected with a credential, be it to another site or to a page without encryption. A request that is refused because its token has ended is sent once more with another one. */
function fetchWith(credential: Credential, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const sent = (input: string | URL | Request, init: RequestInit | undefined, headers: Sent) =>
    fetch(input, {
      ...init,
      redirect: 'error',
      headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers },
    });
  return async (input, init) => {
    const headers = credential.headers();
    const response = await sent(input, init, headers);
    if (response.status !== UNAUTHENTICATED) return response;
    // what keeps it from being renewed is told by the refusal
    const isRenewed = await credential.renew(headers).catch(() => false);
    if (!isRenewed) return response;
    await response.body?.cancel();
    return sent(input, init, credential.headers());
  };
}

/** Every answer of a gateway has these; one without is asked whether it is a gateway's, once. */
const GATEWAY_HEADERS = ['x-content-type-options', 'content-security-policy'] as const;

/** Another server may answer in JSON, too: nothing of it is taken for a gateway's answer. */
function fromMaillonOnly(fetch: typeof globalThis.fetch, asked: Asked): typeof globalThis.fetch {
  let isKnown = false;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (isKnown || GATEWAY_HEADERS.every((name) => response.headers.has(name))) return response;
    const { isMaillon } = await import('../core/unreachable.ts');
    if ((await isMaillon(asked)) === false) {
      await response.body?.cancel();
      throw new CodedError(NOT_MAILLON, `${asked.url} is no Maillon gateway`);
    }
    isKnown = true;
    return response;
  };
}

type Sent = Readonly<Record<string, string>>;

/** Node's takes headers, so that no credential is in a URL. */
function webSocketWith(credential: Credential): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, { protocols, headers: credential.headers() });
    }
  };
}
