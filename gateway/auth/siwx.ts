/** Sign-in messages (CAIP-122) by which a wallet delegates: to the gateway's operator, or to a key of the client's. */
import type { MaillonNode } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { formatDid, parseDid } from '../../protocols/common/did.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { NameError } from '../../protocols/common/names.ts';
import {
  type Action,
  createSignIn,
  IdentityError,
  makeCacao,
  parseSignInMessage,
  type SignIn,
  signInMessage,
} from '../../protocols/identity/index.ts';
import { sha256 } from '../core/digest.ts';
import { GatewayError } from '../core/errors.ts';
import type { KeyHolder } from './api-keys.ts';
import { readDelegation, type WalletDelegation } from './delegations.ts';
import { DELEGATION_TTL_MS } from './limits.ts';
import { badNonce, type Nonces } from './nonces.ts';
import { decodeSignature, parseWallet, type Wallet } from './wallets.ts';

/** Actions that a sign-in can delegate: never signing policies. */
export const SIGN_IN_ACTIONS = ['publish', 'read', 'write'] as const satisfies readonly Action[];

/** 32 bytes in hex: EIP-4361 takes letters and digits only. */
const NONCE = /^[0-9a-f]{64}$/;
/** Stands where the nonce will be in the message that the nonce is made for. */
const NO_NONCE = '0'.repeat(64);

export interface SignInRequest {
  readonly wallet: Wallet;
  readonly namespace: string;
  /** Host header of the client. */
  readonly host: string;
  /** did:key of Ed25519; the node's `delegate` unless said. */
  readonly audience?: string | undefined;
  readonly actions: readonly Action[];
  readonly statement?: string | undefined;
  readonly ttlMs?: number | undefined;
}

export interface AskedSignIn {
  readonly message: string;
  readonly nonce: string;
  readonly audience: string;
  readonly resources: readonly string[];
  /** Until when it must be signed and sent. */
  readonly endsAt: number;
}

export interface SignedMessage {
  readonly message: string;
  readonly signature: string;
  readonly chainType?: string | undefined;
  /** The client's host now. */
  readonly host: string;
}

export interface CheckedSignIn {
  readonly holder: KeyHolder;
  /** As `useNonce` takes it. */
  readonly nonce: string;
  /** As it stands in the message. */
  readonly shownNonce: string;
  readonly delegation: WalletDelegation;
}

export interface SignInsComponents {
  readonly node: Pick<MaillonNode, 'delegate' | 'checkChain'>;
  readonly nonces: Nonces;
  readonly clock: Clock;
}

/** Makes sign-in messages and takes them back: the nonce is bound to the message, so that none of it can be another. */
export class SignIns {
  readonly #components: SignInsComponents;
  readonly #swarm: string;

  constructor(components: SignInsComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
  }

  /** Throws `bad_message` for fields that make no message, `bad_wallet`. */
  ask(request: SignInRequest): AskedSignIn {
    const { node, nonces, clock } = this.#components;
    const { wallet, namespace, host, audience = node.delegate, actions } = request;
    const { statement = statementOf(namespace, actions), ttlMs = DELEGATION_TTL_MS } = request;
    const time = clock.now();
    const signIn = said(() =>
      createSignIn({
        domain: host.toLowerCase(),
        issuer: wallet.did,
        audience,
        resources: [{ swarm: this.#swarm, owner: wallet.did, namespace, actions, prefix: '' }],
        nonce: NO_NONCE,
        time,
        expiry: time + ttlMs,
        statement,
      }),
    );
    const subject = { did: wallet.did, namespace, message: signInMessage(signIn) };
    const { nonce: bare, endsAt } = nonces.issue(subject);
    const nonce = Buffer.from(bare, 'base64url').toString('hex');
    const message = signInMessage({ ...signIn, nonce });
    return { message, nonce, audience, resources: signIn.resources ?? [], endsAt };
  }

  /**
   * The signer and its delegation, checked: every node would accept the chain now. The nonce is not used up here. Throws
   * `bad_message`, `bad_wallet`, `bad_nonce`, `bad_signature`, `unauthenticated`, `forbidden`.
   */
  async check({ message, signature, chainType, host }: SignedMessage): Promise<CheckedSignIn> {
    const { node, nonces } = this.#components;
    const signIn = said(() => parseSignInMessage(message));
    const wallet = walletOf(signIn);
    if (chainType !== undefined) parseWallet(wallet.address, chainType);
    if (signIn.domain !== host.toLowerCase()) {
      throw badMessage(`the message is for ${signIn.domain}: sign in where it was asked for`);
    }
    const bytes = decodeSignature(wallet, signature);
    const cacao = said(() => makeCacao({ crypto: { sha256 } }, signIn, bytes));
    this.#checkTimes(cacao.link);
    const namespace = namespaceOf(wallet, cacao.link);
    const nonce = nonceOf(signIn);
    const blank = signInMessage({ ...signIn, nonce: NO_NONCE });
    nonces.check(nonce, { did: wallet.did, namespace, message: blank });
    const custody = signIn.aud === node.delegate ? 'delegated' : 'client';
    const delegation = readDelegation(cacao.bytes, custody);
    await this.#verify(delegation, { owner: wallet.did, namespace });
    const holder = { did: wallet.did, subject: wallet.address, namespace };
    return { holder, nonce, shownNonce: signIn.nonce, delegation };
  }

  #checkTimes({ notBefore, expiry }: WalletDelegation['link']): void {
    const now = this.#components.clock.now();
    if (expiry === null || expiry <= now) throw badMessage('the message has ended: ask for another');
    if (notBefore !== null && notBefore > now) throw badMessage('the message is for later');
  }

  /** As any node would, with its own verifier and all that it knows of the namespace. */
  async #verify(
    { chain, link }: WalletDelegation,
    place: { readonly owner: string; readonly namespace: string },
  ): Promise<void> {
    for (const action of link.resources.flatMap(({ actions }) => actions)) {
      await this.#components.node
        .checkChain(chain, { ...place, action, resource: '' })
        .catch((error: unknown) => {
          const reason = error instanceof CodedError ? error.detail?.['reason'] : undefined;
          if (reason !== 'chain_signature') throw error;
          throw new GatewayError('unauthenticated', 'signature does not match wallet');
        });
    }
  }
}

/** The wallet on the chain that a client names. Throws `bad_wallet`. */
export function onChain(wallet: Wallet, chainId: string | undefined): Wallet {
  if (chainId === undefined) return wallet;
  const did = formatDid({ ...wallet, reference: chainId });
  try {
    parseDid(did);
  } catch (error) {
    throw error instanceof NameError ? new GatewayError('bad_wallet', `chain_id: ${error.message}`) : error;
  }
  return { ...wallet, reference: chainId, did };
}

/** Wallets of Solana read a message without a statement differently; and people want to know. */
function statementOf(namespace: string, actions: readonly string[]): string {
  return `Let the key below ${actions.join(', ')} in my namespace ${namespace}, for as long as it says.`;
}

function walletOf({ iss: did }: SignIn): Wallet {
  const account = parseDid(did);
  if (account.kind !== 'pkh') throw badMessage('the message must be of a wallet');
  return { ...account, did };
}

/** The one namespace of the wallet that the message is about. */
function namespaceOf({ did }: Wallet, { resources }: WalletDelegation['link']): string {
  const [first] = resources;
  if (first === undefined || resources.length > 1 || first.owner !== did) {
    throw badMessage('the message must name one namespace, of the wallet itself');
  }
  return first.namespace;
}

function nonceOf({ nonce }: SignIn): string {
  if (!NONCE.test(nonce)) throw badNonce();
  return Buffer.from(nonce, 'hex').toString('base64url');
}

/** Translates the protocol's errors about a message into the gateway's words. */
function said<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const isOfMessage = error instanceof IdentityError || error instanceof NameError;
    throw isOfMessage ? badMessage(error.message) : error;
  }
}

function badMessage(message: string): GatewayError {
  return new GatewayError('bad_message', message);
}
