/**
 * Decides whether a request without a credential is the operator's: a program of this machine asks for itself, and on Linux it runs as a
 * user who may. A reverse proxy on this machine connects from loopback too, for anybody.
 */
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Config, Logger } from '../../node/index.ts';
import { isLoopback, isLoopbackHost } from '../protection/guard.ts';
import { LINUX_SOCKET_TABLES, SocketOwners } from '../protection/socket-owners.ts';
import type { Principal } from './identity.ts';

const OPERATOR: Principal = { kind: 'operator' };
export const ANONYMOUS: Principal = { kind: 'anonymous' };

/** Headers that a proxy adds to a request that it forwards: RFC 9110 section 7.6.3, RFC 7239, and the older names. */
const FORWARDING_HEADER = /^(forwarded|via|x-real-ip|x-forwarded(-.*)?)$/;

type Cause = 'proxy' | 'user' | 'unknown';

interface Refusal {
  readonly cause: Cause;
  /** Property of the request or connection that shows it. */
  readonly sign: string;
}

const TOLD: Readonly<Record<Cause, string>> = {
  proxy: 'it came through a proxy',
  user: "the program that connected runs neither as the node's user nor as root",
  unknown: 'nobody can tell which user the program that connected runs as',
};
const ADVICE =
  'sign in (POST /v1/auth/challenge) or send an API key; the settings are gateway.auth and gateway.operatorUids';

const LOGGED: Readonly<Record<Cause, string>> = {
  proxy:
    'a proxy on this machine forwards requests to the gateway: its clients are not the operator, each needs a credential. Set ' +
    'gateway.trustedProxies to its address and have it send X-Forwarded-For, so that they are told apart, or set gateway.auth to required',
  user:
    'a program of another user of this machine asks the gateway without a credential: it is not the operator. Give it an API key, or add its uid ' +
    'to gateway.operatorUids unless it is a proxy',
  unknown:
    'the user of a program that connects from this machine could not be found in /proc/net/tcp: it is not the operator. Give it an API key; ' +
    'gateway.operatorUids: any lets every program of this machine in',
};

type OperatorRequest = Pick<FastifyRequest, 'client' | 'socket' | 'headers' | 'raw'>;

/** Whether the user of a program that connects counts: elsewhere than on Linux nobody tells which one it is. */
export function knowsUsers(config: Config): boolean {
  return process.platform === 'linux' && !config['gateway.operatorUids'].includes('any');
}

export class OperatorCheck {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #letsProgramsIn: boolean;
  /** Null where only the request's own signs count. */
  readonly #users: { readonly uids: ReadonlySet<number>; readonly owners: SocketOwners } | null;
  /** A connection has one owner for all its requests. */
  readonly #ofSocket = new WeakMap<Socket, Promise<Refusal | null>>();
  /** A cause is logged once: every request may have it. */
  readonly #logged = new Set<Cause>();

  constructor(
    components: { readonly logger: Pick<Logger, 'warn'> },
    { config }: { readonly config: Config },
  ) {
    this.#logger = components.logger;
    this.#letsProgramsIn = config['gateway.auth'] === 'local';
    const own = process.geteuid?.();
    this.#users =
      own === undefined || !knowsUsers(config)
        ? null
        : {
            uids: new Set([own, 0, ...config['gateway.operatorUids'].map(Number)]),
            owners: new SocketOwners({ tables: LINUX_SOCKET_TABLES }),
          };
  }

  /** The principal of a request without a credential. */
  async principalOf(request: OperatorRequest): Promise<Principal> {
    if (!this.#letsProgramsIn || !isLoopback(request.client.address)) return ANONYMOUS;
    const refusal = proxied(request) ?? (await this.#userRefused(request.socket));
    if (refusal === null) return OPERATOR;
    const { cause, sign } = refusal;
    if (!this.#logged.has(cause)) {
      this.#logged.add(cause);
      this.#logger.warn({ sign }, LOGGED[cause]);
    }
    const shown = cause === 'proxy' ? ` (${sign})` : '';
    return {
      kind: 'anonymous',
      notOperator: `${TOLD[cause]}${shown}, so it is not the operator's: ${ADVICE}`,
    };
  }

  #userRefused(socket: Socket): Promise<Refusal | null> | null {
    if (this.#users === null) return null;
    const known = this.#ofSocket.get(socket);
    if (known !== undefined) return known;
    const { uids, owners } = this.#users;
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
    const found = owners
      .ownerOf({ address: remoteAddress, port: remotePort }, { address: localAddress, port: localPort })
      .then((uid): Refusal | null => {
        if (uid === null) return { cause: 'unknown', sign: `port ${remotePort}` };
        return uids.has(uid) ? null : { cause: 'user', sign: `uid ${uid}` };
      });
    this.#ofSocket.set(socket, found);
    return found;
  }
}

/** Evidence that a proxy forwards the request; null for none. */
function proxied({ client, headers, raw: { httpVersion } }: OperatorRequest): Refusal | null {
  const header = Object.keys(headers).find((name) => FORWARDING_HEADER.test(name));
  if (header !== undefined) return { cause: 'proxy', sign: `it has a ${header} header` };
  // nginx speaks it to what it proxies unless told otherwise; programs have not for long
  if (httpVersion !== '1.1') return { cause: 'proxy', sign: `it is HTTP/${httpVersion}` };
  if (!isLoopbackHost(headers.host)) return { cause: 'proxy', sign: 'its Host is not of this machine' };
  return client.isLocal ? null : { cause: 'proxy', sign: 'it is forwarded' };
}
