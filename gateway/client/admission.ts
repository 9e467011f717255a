/** How a WebSocket shows who opens it. */
import { call, type TransportInit, urlOf } from './transport.ts';

export const WEBSOCKET_PATH = '/v1/pubsub/ws';

export interface Admission {
  /** URL of the gateway's route, over HTTP. */
  readonly url: URL;
  /** Headers of the handshake; undefined where it has none of ours. */
  readonly headers?: { readonly authorization: string };
}

/** Asked for each connection that is opened. Rejects with `ClientError`. */
export type Admit = () => Admission | Promise<Admission>;

/**
 * With headers where the platform's WebSocket takes some: they are good at any gateway behind one name. Else with a ticket, which is good
 * at the gateway that gave it.
 */
export function admitTo(init: TransportInit, { takesHeaders }: { readonly takesHeaders: boolean }): Admit {
  const { credentials } = init;
  const url = urlOf(init, WEBSOCKET_PATH, {});
  if (credentials === undefined) return () => ({ url });
  if (takesHeaders) return () => ({ url, headers: { authorization: credentials.authorization } });
  return async () => {
    const { ticket } = await call<{ ticket: string }>(init, urlOf(init, '/v1/auth/ws-ticket', {}), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ route: WEBSOCKET_PATH }),
    });
    return { url: urlOf(init, WEBSOCKET_PATH, { ticket }) };
  };
}

/** Whether this platform's own WebSocket takes headers, an option that browsers do not have. */
export function platformTakesHeaders(): boolean {
  const { navigator } = globalThis as { navigator?: { readonly userAgent?: string } };
  return /^(Node\.js|Deno|Bun)\//.test(navigator?.userAgent ?? '');
}
