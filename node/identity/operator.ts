import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';
import {
  ACTIONS,
  ALL_NAMESPACES,
  type DelegationSigner,
  Delegator,
  ed25519DelegationSigner,
} from '../../protocols/identity/index.ts';
import type { Chain } from './extender.ts';

/** On whose behalf a node acts: namespaces that are named without an owner belong to this DID. */
export interface Operator {
  readonly did: string;
  /** Signs in the operator's name; null on an invited machine, since the key stays where the invite was made. */
  readonly signer: DelegationSigner | null;
  /** From `did` to this node's key; empty where both are one key. The same list until it is renewed. */
  readonly chain: () => Chain;
}

/** The operator of a machine that holds the operator's key: it delegates every action in all its namespaces to this node. */
export async function operatorWithKey(
  components: { readonly crypto: Pick<Crypto, 'sha256'>; readonly clock: Clock },
  init: { readonly key: Ed25519Signer; readonly author: string; readonly swarm: string },
): Promise<Operator> {
  const { key, author, swarm } = init;
  const signer = ed25519DelegationSigner(key);
  const { did } = signer;
  const chain = did === author ? [] : [await delegateAll()];
  return { did, signer, chain: () => chain };

  async function delegateAll(): Promise<Uint8Array> {
    const delegator = new Delegator({ ...components, signer, randomBytes }, { swarm });
    const resource = { swarm, owner: did, namespace: ALL_NAMESPACES, actions: ACTIONS, prefix: '' };
    return (await delegator.delegate({ audience: author, resources: [resource] })).bytes;
  }
}
