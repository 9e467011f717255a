import { bytesKey, concatBytes } from '../../protocols/common/bytes.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type Delegator, decodeLink } from '../../protocols/identity/index.ts';

/** From who holds a namespace to a key, the first link first. */
export type Chain = readonly Uint8Array[];

/** Chains whose end is remembered, some 2 KiB each: sign-ins that are in use. */
const REMEMBERED_MAX = 4096;

export interface ExtenderComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Delegates in the operator's name; null where this machine does not hold the operator's key. */
  readonly delegator: Delegator | null;
}

export interface ExtenderInit {
  readonly swarm: string;
  /** did:key of the key that signs. */
  readonly author: string;
  /** DID of the node's operator. */
  readonly operator: string;
}

/**
 * Leads chains that end at this node's owner on to the key that signs, and grants it exactly what the owner was granted. A chain is given
 * with each call: nobody acts within one that he does not have.
 */
export class Extender {
  readonly #components: ExtenderComponents;
  readonly #init: ExtenderInit;
  /** By digest of the chain that was given; the one that was used least recently is forgotten first. */
  readonly #extended = new Map<string, Promise<Chain>>();

  constructor(components: ExtenderComponents, init: ExtenderInit) {
    this.#components = components;
    this.#init = init;
  }

  /** The same list for the same chain, which is not verified here. Throws `forbidden` for one that ends elsewhere. */
  async extend(chain: Chain): Promise<Chain> {
    const { sha256 } = this.#components.crypto;
    const key = bytesKey(sha256(concatBytes(...chain.map((link) => sha256(link)))));
    const known = this.#extended.get(key);
    if (known !== undefined) this.#extended.delete(key);
    const extended = known ?? this.#extend(chain);
    this.#extended.set(key, extended);
    if (this.#extended.size > REMEMBERED_MAX) this.#forgetOldest();
    try {
      return await extended;
    } catch (error) {
      if (this.#extended.get(key) === extended) this.#extended.delete(key);
      throw error;
    }
  }

  async #extend(chain: Chain): Promise<Chain> {
    const { crypto, delegator } = this.#components;
    const { swarm, author, operator } = this.#init;
    const last = chain.at(-1);
    if (last === undefined) throw elsewhere();
    const { audience, resources, notBefore, expiry } = decodeLink(last, crypto, swarm).link;
    if (audience === author) return chain;
    if (audience !== operator) throw elsewhere();
    if (delegator === null) throw heldElsewhere(operator);
    const { bytes } = await delegator.delegate({ audience: author, resources, notBefore, expiry });
    return [...chain, bytes];
  }

  #forgetOldest(): void {
    const oldest = this.#extended.keys().next().value;
    if (oldest !== undefined) this.#extended.delete(oldest);
  }
}

function elsewhere(): CodedError {
  return new CodedError('forbidden', "the delegation is not for this node's owner: it cannot act within it");
}

function heldElsewhere(operator: string): CodedError {
  return new CodedError(
    'forbidden',
    `this machine was invited by ${operator} and does not hold its key: sign in here again, or act at the machine that holds the key`,
  );
}
