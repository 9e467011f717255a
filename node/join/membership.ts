import { multiaddr } from '@multiformats/multiaddr';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { decodeLink } from '../../protocols/identity/index.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import { type Membership, membershipPath, networkKeyPath } from '../identity/membership-file.ts';
import { createCrypto } from '../runtime/crypto.ts';
import { peerOfKey } from '../runtime/peer-ids.ts';
import { endOf } from './grant.ts';

export interface MembershipCheck {
  readonly membership: Membership;
  readonly config: Config;
  /** Role to start. */
  readonly as: Role;
  /** did:key of this node. */
  readonly author: string;
}

/** The membership of a node's data directory, where it is one that this node can start with. Throws `bad_membership`. */
export function checkMembership(
  { crypto }: { readonly crypto: Pick<Crypto, 'sha256'> },
  { membership, config, author, as }: MembershipCheck,
): Membership {
  const { swarm, chain, owner, role } = membership;
  const path = membershipPath(config.data);
  if (swarm !== config.swarm) {
    const message = `${path} is of the swarm ${swarm}, and this node was told ${config.swarm}: leave out swarm, or use another data directory`;
    throw new CodedError('bad_membership', message);
  }
  if (config.explicit.has('identity.ownerKey')) {
    const message = `this machine was invited by ${owner} (${path}): leave out identity.ownerKey, or use another data directory`;
    throw new CodedError('bad_membership', message);
  }
  const isService = role === 'node' || (role === 'gateway' && as === 'light');
  if (!isService) {
    const how = role === 'gateway' ? 'maillon gateway' : 'no node: its command line alone joined';
    throw new CodedError('bad_membership', `${path} is of a machine that joined as ${role}: start ${how}`);
  }
  const last = chain.at(-1);
  const audience = last === undefined ? null : decodeLink(last, crypto, swarm).link.audience;
  if (audience !== author) {
    const message = `${path} is for the key ${audience ?? 'of nobody'}, and this node's is ${author}: restore identity.key, or join again with an empty data directory`;
    throw new CodedError('bad_membership', message);
  }
  return membership;
}

/** Defaults of the settings on an invited machine: what its invite said, where nothing else is said. */
export function membershipDefaults(
  { swarm, entryPoints, isPrivate }: Membership,
  directory: string,
): Readonly<Record<string, unknown>> {
  return {
    swarm,
    bootstrap: entryPoints.map(
      ({ key, address }) => `${multiaddr(address).toString()}/p2p/${peerOfKey(key)}`,
    ),
    ...(isPrivate ? { 'network.keyFile': networkKeyPath(directory) } : {}),
  };
}

/** When what a machine was granted ends, milliseconds since the Unix epoch; null for never. */
export function endOfMembership(membership: Membership): number | null {
  return endOf(membership, createCrypto());
}
