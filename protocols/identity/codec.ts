import type { Crypto } from '../common/crypto.ts';
import { decodeCacao } from './cacao.ts';
import { decodeDelegation } from './delegation.ts';
import type { SignedLink } from './link.ts';

/** Major type of CBOR. */
const MAP = 5;

/** Reads a link of either kind for `swarm`; its signature is not verified. Throws `IdentityError`. */
export function decodeLink(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>, swarm: string): SignedLink {
  const isMap = (bytes[0] ?? 0) >> 5 === MAP;
  return isMap ? decodeCacao(bytes, crypto) : decodeDelegation(bytes, crypto, swarm);
}
