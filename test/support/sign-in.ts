/** Wallets that sign in at a gateway, by libraries that the product does not use for it. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { base58 } from '@scure/base';
import { type BitcoinType, secretOf, signBitcoin, signPersonal } from './wallets.ts';

export type ChainType = 'EVM' | 'SOL' | 'BTC';

/** A client's wallet. */
export interface ClientWallet {
  readonly address: string;
  sign(nonce: string): Promise<string>;
}

export async function walletOf(
  number: number,
  chain: ChainType = 'EVM',
  type: BitcoinType = 'p2wpkh',
): Promise<ClientWallet> {
  const secret = secretOf(number);
  if (chain === 'BTC') {
    const signed = (text: string) => signBitcoin(secret, Buffer.from(text), { type });
    return {
      address: signed('').address,
      sign: async (nonce) => Buffer.from(signed(nonce).signature).toString('base64'),
    };
  }
  if (chain === 'SOL') {
    return {
      address: base58.encode(ed25519.getPublicKey(secret)),
      sign: async (nonce) => Buffer.from(ed25519.sign(Buffer.from(nonce), secret)).toString('base64'),
    };
  }
  const { address } = await signPersonal(secret, new Uint8Array());
  return {
    address: `0x${Buffer.from(address).toString('hex')}`,
    sign: async (nonce) => {
      const { signature } = await signPersonal(secret, Buffer.from(nonce));
      return `0x${Buffer.from(signature).toString('hex')}`;
    },
  };
}

/** The public key of the EVM wallet with this number, uncompressed in hex. */
export function evmPublicKey(number: number): string {
  return `0x${Buffer.from(secp256k1.getPublicKey(secretOf(number), false)).toString('hex')}`;
}

export interface SignedIn {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly api_key: string;
  readonly subject: string;
  readonly namespace: string;
}

export async function post(
  url: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Body of `POST /v1/auth/verify`, with a freshly requested nonce. */
export async function proofFor(
  url: string,
  wallet: ClientWallet,
  namespace = 'default',
): Promise<{ wallet: string; nonce: string; signature: string; namespace: string }> {
  const asked = await post(url, '/v1/auth/challenge', { wallet: wallet.address, namespace });
  const { nonce } = (await asked.json()) as { nonce: string };
  return { wallet: wallet.address, nonce, signature: await wallet.sign(nonce), namespace };
}

export async function signIn(url: string, wallet: ClientWallet, namespace = 'default'): Promise<SignedIn> {
  const answer = await post(url, '/v1/auth/verify', await proofFor(url, wallet, namespace));
  if (!answer.ok) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as SignedIn;
}

/** Fields of a challenge of type `siwx` besides the wallet. */
export interface SiwxFields {
  readonly namespace?: string;
  readonly chain_id?: string | number;
  readonly audience?: string;
  readonly actions?: readonly string[];
  readonly statement?: string;
  readonly expires_in?: number;
}

export interface SiwxChallenge {
  readonly nonce: string;
  readonly message: string;
  readonly audience: string;
  readonly resources: readonly string[];
}

export async function askSiwx(
  url: string,
  { address: wallet }: Pick<ClientWallet, 'address'>,
  fields: SiwxFields = {},
): Promise<SiwxChallenge> {
  const answer = await post(url, '/v1/auth/challenge', { wallet, type: 'siwx', ...fields });
  if (!answer.ok) throw new Error(`no challenge: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as SiwxChallenge;
}

/** A session in the wallet's own namespace. */
export interface DelegatedSession extends Omit<SignedIn, 'api_key'> {
  readonly custody: 'delegated' | 'client';
  /** The link that the wallet signed, in base64. */
  readonly delegation: string;
}

export async function signInSiwx(
  url: string,
  wallet: ClientWallet,
  fields: SiwxFields = {},
): Promise<DelegatedSession> {
  const { message } = await askSiwx(url, wallet, fields);
  const answer = await post(url, '/v1/auth/verify', { message, signature: await wallet.sign(message) });
  if (!answer.ok) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as DelegatedSession;
}
