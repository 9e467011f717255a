import { bytesKey, concatBytes, equalBytes } from '../common/bytes.ts';
import { ConcurrencyLimit } from '../common/concurrency-limit.ts';
import type { Crypto, WalletCrypto } from '../common/crypto.ts';
import { decodeMultikey, didKey, encodeMultikey } from '../common/did-key.ts';
import { CodedError } from '../common/errors.ts';
import { decodeLink } from './codec.ts';
import { VERIFYING_MAX, VERIFYING_MAX_PER_PEER } from './constants.ts';
import { IdentityError } from './errors.ts';
import type { Proof, SignedLink, VerifiedChain } from './link.ts';
import type { IdentityMetrics } from './metrics.ts';
import type { AskedResource } from './resource.ts';
import { check, checkGranted, checkLinks, checkSizes } from './validate.ts';

/** A requested action and its time. */
export interface Asked extends AskedResource {
  /** The object's own time, milliseconds since the Unix epoch. */
  readonly time: number;
}

export interface ChainVerifierComponents {
  readonly crypto: Crypto;
  readonly wallets: WalletCrypto;
  readonly metrics: IdentityMetrics;
}

export interface ChainVerifierInit {
  readonly swarm: string;
  /** Chains that are remembered as good; the oldest is forgotten first. */
  readonly cacheMax: number;
}

interface Known {
  readonly chain: VerifiedChain;
  /** Multikey of the audience. */
  readonly author: Uint8Array;
}

/** The author at the end of a chain whose last key signs no objects. */
const NOBODY = new Uint8Array();

/**
 * Verifies chains: form, order, signatures; nothing that depends on what this node knows or on the time. A valid chain stays
 * valid, so the verifier remembers it. Copies that come together are verified once.
 */
export class ChainVerifier {
  readonly #components: ChainVerifierComponents;
  readonly #init: ChainVerifierInit;
  readonly #known = new Map<string, Known>();
  readonly #verifying = new Map<string, Promise<Known>>();
  readonly #pending = new ConcurrencyLimit({ max: VERIFYING_MAX, maxPerKey: VERIFYING_MAX_PER_PEER });

  constructor(components: ChainVerifierComponents, init: ChainVerifierInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Chains that wait for verification now. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Chains that are remembered. */
  get cached(): number {
    return this.#known.size;
  }

  /**
   * The chain that lets `author` (multikey, 34 bytes) act: at once when it is known, otherwise later. `peer` is who sent
   * it. Throws or rejects with `IdentityError`.
   */
  verify(
    chain: readonly Uint8Array[],
    author: Uint8Array,
    peer?: string,
  ): VerifiedChain | Promise<VerifiedChain> {
    try {
      const verified = this.#verify(chain, author, peer);
      return verified instanceof Promise ? verified.catch(this.#refuse) : verified;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  #verify(
    chain: readonly Uint8Array[],
    author: Uint8Array,
    peer: string | undefined,
  ): VerifiedChain | Promise<VerifiedChain> {
    const { crypto, metrics } = this.#components;
    check.named(() => decodeMultikey(author));
    checkSizes(chain);
    if (chain.length === 0) return this.#ownChain(author);
    const key = bytesKey(crypto.sha256(joined(chain)));
    const known = this.#known.get(key);
    if (known === undefined) return this.#verifyLater(key, chain, author, peer ?? key);
    metrics.chainsFromCache += 1;
    return ofAuthor(known, author);
  }

  readonly #refuse = (error: unknown): never => {
    if (error instanceof IdentityError) this.#components.metrics.refused[error.code] += 1;
    throw error;
  };

  /** Without links the author is the root. */
  #ownChain(author: Uint8Array): VerifiedChain {
    // as long as no digest
    const key = bytesKey(author);
    const known = this.#known.get(key);
    if (known !== undefined) return known.chain;
    const did = didKey(author);
    const chain = { root: did, audience: did, links: [] };
    this.#remember(key, { chain, author: author.slice() });
    return chain;
  }

  #verifyLater(
    key: string,
    chain: readonly Uint8Array[],
    author: Uint8Array,
    peer: string,
  ): Promise<VerifiedChain> {
    const underway = this.#verifying.get(key);
    if (underway !== undefined) this.#components.metrics.chainsFromCache += 1;
    const read = underway === undefined ? this.#read(chain) : null;
    const release = this.#pending.tryAcquire(peer);
    if (release === null) {
      throw new IdentityError('overloaded', 'too many chains wait for verification', true);
    }
    const verification = underway ?? this.#start(key, read ?? []);
    return verification.then((known) => ofAuthor(known, author)).finally(release);
  }

  #read(chain: readonly Uint8Array[]): SignedLink[] {
    const { crypto } = this.#components;
    const { swarm } = this.#init;
    const signed = chain.map((bytes) => decodeLink(bytes, crypto, swarm));
    checkLinks(
      signed.map(({ link }) => link),
      swarm,
    );
    return signed;
  }

  #start(key: string, signed: readonly SignedLink[]): Promise<Known> {
    const verification = this.#verifyLinks(signed)
      .then((known) => {
        this.#remember(key, known);
        return known;
      })
      .finally(() => {
        this.#verifying.delete(key);
      });
    this.#verifying.set(key, verification);
    return verification;
  }

  async #verifyLinks(signed: readonly SignedLink[]): Promise<Known> {
    const { crypto, wallets, metrics } = this.#components;
    metrics.signaturesVerified += signed.length;
    const verifications = signed.map(({ proof }) => verifyProof(proof, crypto, wallets));
    const holds = await Promise.all(verifications).catch(unanswered);
    if (holds.includes(false)) {
      throw new IdentityError('chain_signature', 'signature of a link does not verify');
    }
    metrics.chainsVerified += 1;
    const links = signed.map(({ link }) => link);
    const root = links[0]?.issuer ?? '';
    const last = signed.at(-1);
    const author = last?.audience.curve === 'ed25519' ? encodeMultikey(last.audience.publicKey) : NOBODY;
    return { chain: { root, audience: last?.link.audience ?? '', links }, author };
  }

  #remember(key: string, known: Known): void {
    this.#known.set(key, known);
    if (this.#known.size <= this.#init.cacheMax) return;
    const oldest = this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/**
 * Checks that a verified chain allows what is asked for, by its own word alone: whether its root may grant it is another
 * matter. Throws `IdentityError`.
 */
export function checkChain(chain: VerifiedChain, asked: Asked, swarm: string): void {
  checkGranted(chain.links, asked, swarm);
}

/** The links with their lengths before them: no two chains have the same. Sizes were checked. */
function joined(chain: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...chain.flatMap((link) => [Uint8Array.of(link.byteLength >> 8, link.byteLength & 0xff), link]),
  );
}

function verifyProof(proof: Proof, crypto: Crypto, wallets: WalletCrypto): Promise<boolean> {
  const { kind, message, signature } = proof;
  if (kind === 'bip322') return wallets.verifyBip322(proof.address, message, signature);
  if (kind === 'ed25519') return crypto.verifyEd25519(proof.signer, message, signature);
  if (kind === 'eip191') return wallets.verifyEip191(proof.signer, message, signature);
  return wallets.verifySecp256k1(proof.signer, message, signature);
}

/** Where there is no answer, the chain may well hold. */
function unanswered(error: unknown): never {
  if (!(error instanceof CodedError)) throw error;
  throw new IdentityError('overloaded', `signatures cannot be verified now: ${error.message}`, true);
}

function ofAuthor({ chain, author: expected }: Known, author: Uint8Array): VerifiedChain {
  if (!equalBytes(expected, author)) {
    throw new IdentityError('chain_broken', 'chain does not end at the author');
  }
  return chain;
}
