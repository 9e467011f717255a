import { verifyMessage } from 'viem';
import type { WalletVerifier } from '../../../node/identity/wallets/index.ts';
import { createCrypto } from '../../../node/runtime/crypto.ts';
import { ChainVerifier, createIdentityMetrics, decodeLink } from '../../../protocols/identity/index.ts';
import { SWARM } from '../../support/envelopes.ts';
import { cacao, delegation, evmWallet, session, texts, uri } from '../../support/identities.ts';
import { secretOf, signBitcoin, signPersonal, signSecp256k1 } from '../../support/wallets.ts';

/** Something to be verified over and over; every call is another signature. */
export interface Subject {
  readonly name: string;
  readonly count: number;
  verify(index: number): boolean | Promise<boolean>;
}

/**
 * Keys that sign. Everything they sign is made before anything is measured. Wallets come again, as users do: their addresses'
 * EIP-55 capitals are remembered from the first time, which saves some 6 µs of reading a link.
 */
const WALLETS = 16;

/** Some 350 bytes, as a sign-in message has. */
function messageOf(index: number): Uint8Array {
  const line =
    'maillon://swarm/did:pkh:eip155:1:0x0000000000000000000000000000000000000000/notes/publish,write/';
  return new TextEncoder().encode(
    `example.com wants you to sign in\nNonce: ${index}\n${`${line}\n`.repeat(3)}`,
  );
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** EIP-191 through the pool, and the same signatures by viem on the event loop. */
export async function personalSubjects(
  wallets: WalletVerifier,
  [count, reference]: readonly [number, number],
): Promise<[Subject, Subject]> {
  const signed = await Promise.all(
    numbers(count).map(async (index) => {
      const message = messageOf(index);
      const { address, signature } = await signPersonal(secretOf(index % WALLETS), message);
      return { message, address, signature };
    }),
  );
  const at = (index: number) => signed[index] ?? fail();
  const pool: Subject = {
    name: 'EIP-191',
    count,
    verify: (index) => {
      const { address, message, signature } = at(index);
      return wallets.verifyEip191(address, message, signature);
    },
  };
  const viem: Subject = {
    name: 'EIP-191 by viem',
    count: reference,
    verify: (index) => {
      const { address, message, signature } = at(index);
      return verifyMessage({
        address: hexOf(address),
        message: { raw: message },
        signature: hexOf(signature),
      });
    },
  };
  return [pool, viem];
}

export function bitcoinSubject(wallets: WalletVerifier, type: 'p2wpkh' | 'p2tr', count: number): Subject {
  const signed = numbers(count).map((index) => {
    const message = messageOf(index);
    return { message, by: signBitcoin(secretOf(index % WALLETS), message, { type }) };
  });
  return {
    name: `BIP-322 ${type}`,
    count,
    verify: (index) => {
      const { message, by } = signed[index] ?? fail();
      return wallets.verifyBip322(by.address, message, by.signature);
    },
  };
}

export function secp256k1Subject(wallets: WalletVerifier, count: number): Subject {
  const signed = numbers(count).map((index) => {
    const message = messageOf(index);
    return { message, by: signSecp256k1(secretOf(index % WALLETS), message) };
  });
  return {
    name: 'secp256k1',
    count,
    verify: (index) => {
      const { message, by } = signed[index] ?? fail();
      return wallets.verifySecp256k1(by.publicKey, message, by.signature);
    },
  };
}

/** Whole chains: an EVM wallet signs in, and its session key may delegate further. */
export class ChainSubjects {
  readonly #wallets: WalletVerifier;
  readonly #chains: readonly (readonly Uint8Array[])[];
  readonly #author: Uint8Array;
  readonly #name: string;
  #verifier: ChainVerifier;

  constructor(wallets: WalletVerifier, links: 1 | 2, count: number) {
    const [first, second] = [session(9), session(10)];
    this.#wallets = wallets;
    this.#chains = numbers(count).map((index) => {
      const wallet = evmWallet(1 + (index % WALLETS));
      const signIn = cacao(wallet, first, { nonce: `benchmark${index}` });
      const further = { resources: texts(uri(wallet.did)) };
      return links === 1 ? [signIn] : [signIn, delegation(first, second, further)];
    });
    this.#author = (links === 1 ? first : second).author.multikey;
    this.#name = links === 1 ? 'EVM sign-in' : 'EVM sign-in and delegation';
    this.#verifier = this.#create();
  }

  /** Every round by a verifier that knows no chain yet. */
  get uncached(): Subject {
    this.#verifier = this.#create();
    return this.#subject(`chains, ${this.#name}`);
  }

  /** By the verifier of the round before. */
  get cached(): Subject {
    return this.#subject(`chains known, ${this.#name}`);
  }

  /** The event loop's own part of it: everything but the signatures. */
  get read(): Subject {
    const crypto = createCrypto();
    return {
      name: `links read, ${this.#name}`,
      count: this.#chains.length,
      verify: (index) => {
        const chain = this.#chains[index] ?? fail();
        return chain.every((bytes) => decodeLink(bytes, crypto, SWARM).proof.signature.byteLength > 0);
      },
    };
  }

  #create(): ChainVerifier {
    return new ChainVerifier(
      { crypto: createCrypto(), wallets: this.#wallets, metrics: createIdentityMetrics() },
      { swarm: SWARM, cacheMax: this.#chains.length },
    );
  }

  #subject(name: string): Subject {
    const verifier = this.#verifier;
    return {
      name,
      count: this.#chains.length,
      verify: (index) => {
        const verified = verifier.verify(this.#chains[index] ?? fail(), this.#author);
        return verified instanceof Promise ? verified.then(() => true) : true;
      },
    };
  }
}

function hexOf(bytes: Uint8Array): `0x${string}` {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

function fail(): never {
  throw new Error('there are not so many');
}
