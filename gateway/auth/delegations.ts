/** A wallet's delegation at its sign-in. */
import { decodeCacao, formatResource, type Link } from '../../protocols/identity/index.ts';
import { hex, sha256 } from '../core/digest.ts';
import type { Scope } from './api-keys.ts';

/**
 * The signer in the namespace of a credential: the operator, in one that it holds for the wallet or for itself; the operator
 * within what the wallet delegated to it; or the client itself, with a key that the wallet delegated to.
 */
export type Custody = 'gateway' | 'operator' | 'delegated' | 'client';

/** A session's delegation in the wallet's own namespace. */
export interface WalletDelegation {
  readonly custody: Exclude<Custody, 'gateway' | 'operator'>;
  /** The wallet's sign-in (CACAO), as the first link of chains. */
  readonly chain: readonly [Uint8Array];
  readonly link: Link;
  /** When it ends, milliseconds since the Unix epoch. */
  readonly endsAt: number;
}

/** Throws `IdentityError` for what is no CACAO. */
export function readDelegation(cacao: Uint8Array, custody: WalletDelegation['custody']): WalletDelegation {
  const { link } = decodeCacao(cacao, { sha256 });
  return { custody, chain: [cacao], link, endsAt: link.expiry ?? Number.POSITIVE_INFINITY };
}

/** Scopes that the delegation gives its session at gateways: the node decides about each topic and key. */
export function scopesOf({ link }: Pick<WalletDelegation, 'link'>): Scope[] {
  const granted = new Set(link.resources.flatMap(({ actions }) => actions));
  return [
    ...(granted.has('read') ? (['read'] as const) : []),
    ...(granted.has('publish') || granted.has('write') ? (['write'] as const) : []),
  ];
}

/** For people and programs. */
export function describeDelegation({ link, chain: [cacao] }: WalletDelegation) {
  const { digest, audience, resources, expiry } = link;
  return {
    digest: hex(digest),
    audience,
    resources: resources.map(formatResource),
    expires_at: Math.floor((expiry ?? 0) / 1000),
    link: Buffer.from(cacao).toString('base64'),
  };
}
