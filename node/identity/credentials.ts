import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type AskedResource, IdentityError } from '../../protocols/identity/index.ts';
import type { Authority } from './authority.ts';
import { chainRefusal } from './chain-check.ts';
import type { Chain, Extender } from './extender.ts';

export interface CredentialsComponents {
  readonly authority: Authority;
  readonly extender: Extender;
  readonly clock: Clock;
  /** From the node's operator to the key that signs; the same list until it is renewed. */
  readonly chain: () => Chain;
}

export interface CredentialsInit {
  /** Multikey of the key that signs, 34 bytes. */
  readonly author: Uint8Array;
}

/** Namespaces whose chain is remembered. */
const REMEMBERED_MAX = 4096;
/** The chain of a key that owns the namespace, or for a namespace that is open to all. */
const NO_CHAIN: Chain = [];

/** The delegations to a key: finds the chain that lets it do something, so that the node sends nothing that nobody would take. */
export class Credentials {
  readonly #components: CredentialsComponents;
  readonly #author: Uint8Array;
  /** The chain that was right last, by namespace and action: it is tried first. */
  readonly #latest = new Map<string, Chain>();

  constructor(components: CredentialsComponents, { author }: CredentialsInit) {
    this.#components = components;
    this.#author = author;
  }

  /**
   * The chain with which this key may do what is asked for, now. The same list for the same chain. Where `given` leads to this node's
   * owner, that and no other counts. Throws `forbidden`.
   */
  async chainFor(asked: AskedResource, given?: Chain): Promise<Chain> {
    if (given !== undefined) return this.#within(given, asked);
    const key = JSON.stringify([asked.owner, asked.namespace, asked.action]);
    const latest = this.#latest.get(key);
    if (latest !== undefined && (await this.#mayWith(latest, asked))) return latest;
    for (const chain of [NO_CHAIN, this.#components.chain()]) {
      if (chain === latest || !(await this.#mayWith(chain, asked))) continue;
      if (this.#latest.size >= REMEMBERED_MAX) this.#latest.clear();
      this.#latest.set(key, chain);
      return chain;
    }
    throw forbidden(asked);
  }

  async #within(given: Chain, asked: AskedResource): Promise<Chain> {
    const { authority, extender, clock } = this.#components;
    try {
      const chain = await extender.extend(given);
      await authority.authorise(
        { ...asked, author: this.#author, chain, time: clock.now() },
        { isNew: true },
      );
      return chain;
    } catch (error) {
      throw chainRefusal(error);
    }
  }

  async #mayWith(chain: Chain, asked: AskedResource): Promise<boolean> {
    const { authority, clock } = this.#components;
    try {
      await authority.authorise(
        { ...asked, author: this.#author, chain, time: clock.now() },
        { isNew: true },
      );
      return true;
    } catch (error) {
      // no time to verify is no refusal
      if (error instanceof IdentityError && error.code === 'overloaded') throw error;
      if (error instanceof IdentityError || (error instanceof CodedError && error.code === 'forbidden')) {
        return false;
      }
      throw error;
    }
  }
}

function forbidden({ owner, namespace, action }: AskedResource): CodedError {
  const message = `this node may not ${action} in ${namespace}@${owner}: its owner has not delegated that to it, or has revoked it (maillon status shows whom it may act for)`;
  return new CodedError('forbidden', message);
}
