/** Authors as an application in a browser has them: keys and hashes of libraries that need no Node. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { Author } from '../../gateway/client/index.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';
import {
  type Action,
  Delegator,
  ed25519DelegationSigner,
  type MadeLink,
} from '../../protocols/identity/index.ts';
import { CLOSED_RULES, NoticeMaker, type Policy } from '../../protocols/namespaces/index.ts';
import { SWARM } from './envelopes.ts';
import { OWNER } from './owner.ts';

const crypto: Crypto = {
  sha256,
  verifyEd25519: async (publicKey, message, signature) => ed25519.verify(signature, message, publicKey),
};

function newSigner(): Ed25519Signer {
  const { secretKey, publicKey } = ed25519.keygen();
  return { publicKey, sign: async (message) => ed25519.sign(message, secretKey) };
}

export class ClientKey {
  /** The tests' owner. */
  static readonly owner = new ClientKey({
    publicKey: OWNER.author.publicKey,
    sign: async (message) => OWNER.sign(message),
  });

  readonly signer: Ed25519Signer;

  constructor(signer: Ed25519Signer = newSigner()) {
    this.signer = signer;
  }

  get did(): string {
    return this.author().did;
  }

  author(chain: readonly Uint8Array[] = [], swarm = SWARM): Author {
    return new Author({ crypto, signer: this.signer }, { swarm, chain });
  }

  get maker(): NoticeMaker {
    return new NoticeMaker({ crypto, signer: this.signer }, { swarm: SWARM });
  }

  /** Lets `audience` act in one of this key's namespaces. */
  async grant(
    audience: string,
    namespace: string,
    { actions = ['publish', 'write'], prefix = '' }: { actions?: readonly Action[]; prefix?: string } = {},
  ): Promise<MadeLink> {
    const delegator = new Delegator(
      {
        crypto,
        clock: systemClock,
        signer: ed25519DelegationSigner(this.signer),
        randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
      },
      { swarm: SWARM },
    );
    const resources = [{ swarm: SWARM, owner: this.did, namespace, actions, prefix }];
    return delegator.delegate({ audience, resources });
  }

  /** The bytes of the first policy of a namespace, or of what else is said. */
  async policy(namespace: string, other: Partial<Policy> = {}): Promise<Uint8Array> {
    const { did } = this;
    const policy = await this.maker.policy({
      owner: did,
      namespace,
      sequence: 1,
      previous: null,
      time: Date.now(),
      holder: did,
      rules: CLOSED_RULES,
      as: did,
      chain: [],
      ...other,
    });
    return policy.bytes;
  }

  /** The same, of one that anybody may read. */
  async publicPolicy(namespace: string): Promise<Uint8Array> {
    return this.policy(namespace, { rules: { ...CLOSED_RULES, read: { anyone: true, dids: [] } } });
  }

  async revocation(target: { readonly did: string } | { readonly link: Uint8Array }): Promise<Uint8Array> {
    const { did } = this;
    const made = await this.maker.revocation({ target, time: Date.now(), as: did, chain: [] });
    return made.bytes;
  }
}
