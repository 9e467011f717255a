/** Namespaces that an operator holds for wallets that delegated nothing: their names say whose they are, and nothing else does. */
import type { Crypto } from './crypto.ts';

/** Version of what is hashed. */
const DOMAIN = 'maillon/custody/1';
const PREFIX = 'w-';
/** Two such parts with the prefix are as long as a name may be: 124 bits each. */
const PART_LENGTH = 31;
const PATTERN = /^w-[0-9a-f]{62}$/;
const utf8 = new TextEncoder();

/**
 * Name of the namespace that the operator holds for a wallet, for what the wallet's clients call `name`. Its owner is the operator, so
 * nobody else can claim it, and all gateways of the operator find the same; no two wallets, and no two names, have the same one.
 */
export function custodyNamespace(crypto: Pick<Crypto, 'sha256'>, did: string, name: string): string {
  const part = (...of: readonly string[]): string => {
    const digest = crypto.sha256(utf8.encode(JSON.stringify([DOMAIN, ...of])));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.slice(0, PART_LENGTH);
  };
  return `${PREFIX}${part(did)}${part(did, name)}`;
}

/** The beginning that all such names of one wallet share; null for the name of another namespace. */
export function custodyGroup(namespace: string): string | null {
  return PATTERN.test(namespace) ? namespace.slice(0, PREFIX.length + PART_LENGTH) : null;
}
