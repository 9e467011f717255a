import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import type { PassphraseSource } from '../identity/keyring/passphrase.ts';
import { type Membership, readMembership } from '../identity/membership-file.ts';
import { InvitedOperator, type Operator, operatorWithKey } from '../identity/operator.ts';
import { serveOwner } from '../identity/owner.ts';
import type { Logger } from '../observability/logger.ts';
import { checkMembership } from './membership.ts';

export interface OperatorComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly passphrases: PassphraseSource;
}

export interface OperatorInit {
  readonly config: Config;
  /** Role to start. */
  readonly role: Role;
  /** did:key of the node. */
  readonly author: string;
}

/** On whose behalf a node acts: the owner that invited this machine, or the one whose key it holds. Throws `bad_membership`. */
export async function operatorOf(
  components: OperatorComponents,
  { config, role, author }: OperatorInit,
): Promise<{ readonly operator: Operator; readonly membership: Membership | null }> {
  const { logger, passphrases } = components;
  const { data, swarm } = config;
  const membership = readMembership(data);
  if (membership !== null) {
    const checked = checkMembership(components, { membership, config, as: role, author });
    return { operator: new InvitedOperator(checked), membership };
  }
  const owner = await serveOwner({ logger }, { path: config['identity.ownerKey'], data, passphrases });
  return { operator: await operatorWithKey(components, { key: owner.signer, author, swarm }), membership };
}
