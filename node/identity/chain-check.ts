import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type AskedResource, decodeLink, IdentityError } from '../../protocols/identity/index.ts';
import type { Authority } from './authority.ts';
import type { Chain } from './extender.ts';

export interface ChainCheckComponents {
  readonly authority: Authority;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
}

/**
 * Checks whether a chain lets its last audience do something now, as every other node would. Rejects as `chainRefusal`
 * says.
 */
export function chainCheck(
  { authority, crypto, clock }: ChainCheckComponents,
  { swarm }: { readonly swarm: string },
): (chain: Chain, asked: AskedResource) => Promise<void> {
  return async (chain, asked) => {
    try {
      const last = chain.at(-1);
      const audience = last === undefined ? null : decodeLink(last, crypto, swarm).audience;
      if (audience?.curve !== 'ed25519')
        throw new CodedError('forbidden', 'the chain ends at no key that signs');
      const author = encodeMultikey(audience.publicKey);
      await authority.authorise({ ...asked, author, chain, time: clock.now() }, { isNew: true });
    } catch (error) {
      throw chainRefusal(error);
    }
  };
}

/**
 * The answer to a sender whose chain does not allow it: `forbidden`, whose `detail.reason` is the rule that the chain breaks by
 * itself.
 */
export function chainRefusal(error: unknown): unknown {
  if (!(error instanceof IdentityError) || error.code === 'overloaded') return error;
  const { code: reason, message } = error;
  return new CodedError('forbidden', `the delegation does not allow that: ${message}`, { reason });
}
