/** Wallets as clients name them, and what they sign: the bare nonce. */
import type { MaillonNode, WalletProof } from '../../node/index.ts';
import { type DidPkh, formatDid, parseDid } from '../../protocols/common/did.ts';
import { GatewayError } from '../core/errors.ts';

const EVM_ADDRESS = /^(?:0x)?([0-9a-fA-F]{40})$/;
const EVM_SIGNATURE = /^(?:0x)?([0-9a-fA-F]{130})$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** A nonce names no chain, and an account is the same on all of them: the first one. */
const EVM_REFERENCE = '1';
const SOLANA_REFERENCE = '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp';
const BITCOIN_REFERENCES: Readonly<Record<string, string>> = {
  bc1: '000000000019d6689c085ae165831e93',
  tb1: '000000000933ea01ad0ee984209779ba',
  bcrt1: '0f9188f13cb7b2c71f2a335e3a4fc328',
};
/** Names that a client may use for the chain of its wallet. */
const CHAIN_TYPES: Readonly<Record<string, DidPkh['chain']>> = {
  EVM: 'eip155',
  ETH: 'eip155',
  BTC: 'bip122',
  SOL: 'solana',
};
const SOLANA_SIGNATURE_BYTES = 64;

export interface Wallet extends DidPkh {
  readonly did: string;
}

/** The wallet with this address, whose chain the address tells. Throws `bad_wallet`. */
export function parseWallet(address: string, chainType?: string): Wallet {
  const wallet = readAddress(address.trim());
  if (wallet === null) {
    throw new GatewayError(
      'bad_wallet',
      'wallet must be an address of an EVM chain, Bitcoin (segwit) or Solana',
    );
  }
  const asked =
    chainType === undefined || chainType === '' ? wallet.chain : CHAIN_TYPES[chainType.toUpperCase()];
  if (asked === wallet.chain) return wallet;
  throw new GatewayError('bad_wallet', 'chain_type is not the chain of this wallet: EVM, BTC or SOL');
}

/** How E1 shows a wallet: an EVM address in lower case without its 0x. */
export function bareAddress({ chain, address }: Pick<Wallet, 'chain' | 'address'>): string {
  return chain === 'eip155' ? address.slice(2) : address;
}

/** Whether `signature`, in the text form of its chain, is the wallet's over `message`. Throws `bad_signature`. */
export function verifySignature(
  node: Pick<MaillonNode, 'verifyWallet'>,
  { wallet, message, signature }: { wallet: Wallet; message: string; signature: string },
): Promise<boolean> {
  const proof: WalletProof = {
    wallet,
    message: new TextEncoder().encode(message),
    signature: decodeSignature(wallet, signature),
  };
  return node.verifyWallet(proof);
}

/** The bytes of a signature. Throws `bad_signature`. */
export function decodeSignature({ chain }: Pick<Wallet, 'chain'>, text: string): Uint8Array {
  if (chain === 'eip155') {
    const hex = EVM_SIGNATURE.exec(text)?.[1];
    if (hex === undefined)
      throw new GatewayError('bad_signature', 'invalid signature format: 65 bytes in hex');
    return Buffer.from(hex, 'hex');
  }
  const bytes = BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  const hasForm = chain === 'solana' ? bytes.byteLength === SOLANA_SIGNATURE_BYTES : bytes.byteLength > 0;
  if (!hasForm) throw new GatewayError('bad_signature', 'invalid signature format: base64');
  return bytes;
}

function readAddress(text: string): Wallet | null {
  const evm = EVM_ADDRESS.exec(text)?.[1];
  if (evm !== undefined) return walletOf('eip155', EVM_REFERENCE, `0x${evm.toLowerCase()}`);
  const prefix = Object.keys(BITCOIN_REFERENCES).find((start) => text.toLowerCase().startsWith(start));
  const bitcoin = prefix === undefined ? undefined : BITCOIN_REFERENCES[prefix];
  // an address in capitals is the same one
  const isMixed = text !== text.toLowerCase() && text !== text.toUpperCase();
  if (bitcoin !== undefined && !isMixed) return walletOf('bip122', bitcoin, text.toLowerCase());
  return walletOf('solana', SOLANA_REFERENCE, text);
}

function walletOf(chain: DidPkh['chain'], reference: string, address: string): Wallet | null {
  const wallet: DidPkh = { kind: 'pkh', chain, reference, address };
  const did = formatDid(wallet);
  try {
    parseDid(did);
  } catch {
    return null;
  }
  return { ...wallet, did };
}
