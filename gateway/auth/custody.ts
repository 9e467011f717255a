import { createHash } from 'node:crypto';

/** Version of what is hashed. */
const DOMAIN = 'maillon/custody/1';
/** With the prefix as long as a name may be: 248 bits. */
const HEX_LENGTH = 62;

/**
 * Name of the namespace that the gateway's operator holds for a wallet, for what the wallet's clients call `name`. Its owner is
 * the operator, so nobody else can claim it, and all gateways of the operator find the same; no two wallets, and no two names,
 * have the same one.
 */
export function custodyNamespace(did: string, name: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([DOMAIN, did, name]))
    .digest('hex');
  return `w-${digest.slice(0, HEX_LENGTH)}`;
}

/** What stands for the wallet's address where the operator itself holds a credential, for its own namespaces: no address is like it. */
export const OPERATOR_SUBJECT = 'operator';
