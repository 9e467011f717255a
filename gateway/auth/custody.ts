import { custodyNamespace as namespaceFor } from '../../protocols/common/custody.ts';
import { sha256 } from '../core/digest.ts';

/** Name of the namespace that the gateway's operator holds for a wallet, for what the wallet's clients call `name`. */
export function custodyNamespace(did: string, name: string): string {
  return namespaceFor({ sha256 }, did, name);
}

/**
 * Subject instead of a wallet's address where the operator itself holds a credential, for its own namespaces: no address looks
 * like it.
 */
export const OPERATOR_SUBJECT = 'operator';
