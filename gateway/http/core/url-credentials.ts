/** Credentials in URLs: tickets for streams, and those of E2 clients where they are taken. URLs end up in logs, so nothing else is. */
import type { FastifyRequest } from 'fastify';
import { type Credential, credentialOf } from '../../auth/identity.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Context } from './context.ts';
import { SSE_PATH, WEBSOCKET_PATH } from './stream-paths.ts';

/** Parameters under which clients are known to send credentials. */
const NAMES = ['api_key', 'token', 'access_token', 'refresh_token', 'ticket'] as const;
const STREAMS: ReadonlySet<string> = new Set([WEBSOCKET_PATH, SSE_PATH]);
const E2_NAMES: ReadonlySet<string> = new Set(['api_key', 'token']);

export interface UrlCredentials {
  /** Alone it counts. */
  readonly ticket: string | null;
  /** After those in headers. */
  readonly credentials: readonly Credential[];
}

const NONE: UrlCredentials = { ticket: null, credentials: [] };

/** Throws `unauthenticated` for what is no credential there: whoever sent it must not pass for somebody without one. */
export function urlCredentialsOf(
  { query, routeOptions }: Pick<FastifyRequest, 'query' | 'routeOptions'>,
  { config }: Pick<Context, 'config'>,
): UrlCredentials {
  const said = query as Readonly<Record<string, unknown>>;
  const names = NAMES.filter((name) => said[name] !== undefined);
  if (names.length === 0) return NONE;
  const route = routeOptions.url ?? '';
  const { ticket } = said;
  if (STREAMS.has(route) && names.length === 1 && typeof ticket === 'string')
    return { ticket, credentials: [] };
  const isE2 = route === WEBSOCKET_PATH && names.every((name) => E2_NAMES.has(name));
  if (!isE2) throw new GatewayError('unauthenticated', `token in URL: ${WHERE_ELSE}`);
  if (!config['compat.debros']) {
    const message = `a credential in the URL is not taken without the setting compat.debros: ${WHERE_ELSE}`;
    throw new GatewayError('unauthenticated', message);
  }
  const credentials = names
    .flatMap((name) => [said[name]].flat())
    .map((text) => credentialOf(String(text), true));
  return { ticket: null, credentials };
}

const WHERE_ELSE =
  'send it in Authorization or X-API-Key, and open streams in a browser with a ticket (POST /v1/auth/ws-ticket)';
