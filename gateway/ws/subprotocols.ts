import { SUBPROTOCOL_CBOR, SUBPROTOCOL_JSON } from '../client/frames.ts';
import { envelopeDialect, rawDialect } from './debros.ts';
import type { Dialect } from './dialect.ts';
import { cborDialect, jsonDialect } from './native.ts';

/** Subprotocols a client may ask for, and what they speak. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  [SUBPROTOCOL_JSON]: jsonDialect,
  [SUBPROTOCOL_CBOR]: cborDialect,
  'maillon.e2': envelopeDialect,
};

export const SUBPROTOCOLS: readonly string[] = Object.keys(DIALECTS);

/** The first one offered that is spoken here; false for none, which the client takes as a refusal if it offered any. */
export function chooseSubprotocol(offered: ReadonlySet<string>): string | false {
  for (const name of offered) if (Object.hasOwn(DIALECTS, name)) return name;
  return false;
}

/** The subprotocol a handshake will get, by its header; empty for none. */
export function negotiate(header: string | undefined): string {
  const offered = (header ?? '').split(',').map((name) => name.trim());
  return chooseSubprotocol(new Set(offered)) || '';
}

/** Query parameters of a DeBros client. */
export interface DebrosQuery {
  readonly frames?: 'json' | 'raw' | undefined;
  readonly presence?: string | undefined;
  readonly api_key?: string | undefined;
  readonly token?: string | undefined;
}

/** The dialect of a connection: its subprotocol's, or the one a DeBros client lets on. */
export function chooseDialect(subprotocol: string, query: DebrosQuery): Dialect {
  const chosen = DIALECTS[subprotocol];
  if (chosen !== undefined) return chosen;
  if (query.frames !== undefined) return query.frames === 'json' ? envelopeDialect : rawDialect;
  // only the second generation of those clients knows presence, or sends its credential in the URL
  const isSecond = query.presence === 'true' || query.api_key !== undefined || query.token !== undefined;
  return isSecond ? envelopeDialect : rawDialect;
}
