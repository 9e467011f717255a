import { checkOwnerDid } from '../../protocols/common/did.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { NameError } from '../../protocols/common/names.ts';
import {
  type Action,
  type Asked,
  type ChainVerifier,
  checkChain,
  IdentityError,
  type VerifiedChain,
} from '../../protocols/identity/index.ts';
import type { Namespaces, PolicyView } from '../namespaces/interface.ts';

/** An author, its intended action, and the proof of its right. */
export interface Subject extends Asked {
  /** Multikey of the author, 34 bytes. */
  readonly author: Uint8Array;
  /** From the namespace's holder to the author. */
  readonly chain: readonly Uint8Array[];
}

export interface AuthorityComponents {
  readonly verifier: ChainVerifier;
  readonly namespaces: Pick<Namespaces, 'policyOf' | 'historyOf' | 'revokersOf'>;
}

export interface AuthorityInit {
  readonly swarm: string;
}

/** Actions that a policy can open to others than the holder. */
type PolicyAction = Exclude<Action, 'admin' | 'sponsor'>;

/**
 * Says whether somebody may do something in a namespace: the chain must hold by itself, and lead from whom the namespace's policy
 * lets do it, with nothing in it revoked. Defects of the chain itself are its sender's fault; the rest depends on what this node
 * knows.
 */
export class Authority {
  readonly #components: AuthorityComponents;
  readonly #init: AuthorityInit;

  constructor(components: AuthorityComponents, init: AuthorityInit) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Throws or rejects where it may not: `IdentityError`, or `CodedError` `forbidden` where that depends on what this node knows.
   * Decides at once where the chain is known. `isNew`: nobody has taken the object yet; one that others hold already is held against
   * its own time only, since a policy or a revocation from later does not undo what was. `peer` is who sent it.
   */
  authorise(subject: Subject, { isNew, peer }: { isNew: boolean; peer?: string }): void | Promise<void> {
    const { owner, chain, author } = subject;
    checkOwner(owner);
    const verified = this.#components.verifier.verify(chain, author, peer);
    if (verified instanceof Promise) return verified.then((one) => this.#check(one, subject, isNew));
    this.#check(verified, subject, isNew);
  }

  #check(chain: VerifiedChain, subject: Subject, isNew: boolean): void {
    const { owner, namespace, action } = subject;
    checkChain(chain, subject, this.#init.swarm);
    const { namespaces } = this.#components;
    const policy = namespaces.policyOf(owner, namespace);
    const isAllowed = isNew
      ? mayNow(chain.root, owner, policy, action)
      : chain.root === owner ||
        namespaces.historyOf(owner, namespace).some((one) => lets(one, chain.root, action));
    if (!isAllowed)
      throw unauthorised(`the policy of ${namespace} does not let ${chain.root} ${action} there`);
    if (!isNew) return;
    this.#checkDomain(chain, policy);
    if (this.isRevoked(chain, policy?.holder ?? owner)) throw unauthorised('a link of the chain was revoked');
  }

  #checkDomain({ links: [first] }: VerifiedChain, policy: PolicyView | null): void {
    const domains = policy?.rules.domains ?? [];
    if (domains.length === 0 || first === undefined || first.domain === null) return;
    if (!domains.includes(first.domain)) throw unauthorised(`sign-ins at ${first.domain} do not count there`);
  }

  /** Whether `holder`, or somebody on the way to a link or principal, has withdrawn it. */
  isRevoked({ root, links }: VerifiedChain, holder: string): boolean {
    const above = new Set([holder, root]);
    if (this.#isWithdrawn({ did: root }, above)) return true;
    for (const { digest, issuer, audience } of links) {
      above.add(issuer);
      if (this.#isWithdrawn({ link: digest }, above)) return true;
      above.add(audience);
      if (this.#isWithdrawn({ did: audience }, above)) return true;
    }
    return false;
  }

  #isWithdrawn(target: Parameters<Namespaces['revokersOf']>[0], above: ReadonlySet<string>): boolean {
    const revokers = this.#components.namespaces.revokersOf(target);
    return revokers !== undefined && [...above].some((did) => revokers.has(did));
  }
}

function mayNow(root: string, owner: string, policy: PolicyView | null, action: Action): boolean {
  return policy === null ? root === owner : lets(policy, root, action);
}

/** Whether a policy lets `root` and its delegates do it. */
function lets({ holder, rules }: PolicyView, root: string, action: Action): boolean {
  if (root === holder) return true;
  if (action === 'admin' || action === 'sponsor') return false;
  const { anyone, dids } = rules[action satisfies PolicyAction];
  return anyone || dids.includes(root);
}

function checkOwner(owner: string): void {
  try {
    checkOwnerDid(owner);
  } catch (error) {
    throw error instanceof NameError ? new IdentityError('chain_field', error.message) : error;
  }
}

function unauthorised(message: string): CodedError {
  return new CodedError('forbidden', message);
}
