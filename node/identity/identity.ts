import { randomBytes } from 'node:crypto';
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id';
import type { Ed25519Signer } from '../../protocols/common/crypto.ts';
import { decodeMultikey, didKey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { createFileExclusive } from '../disk/exclusive-file.ts';
import { SECRET_MODE } from '../disk/private-file.ts';
import { createEd25519Signer } from '../runtime/crypto.ts';
import { KeyError } from './keyring/errors.ts';
import { encodeLibp2pKey, SEED_BYTES } from './keyring/key-file.ts';
import { IDENTITY_NAME, keyPath } from './keyring/names.ts';
import { type PassphraseSource, passphraseFrom } from './keyring/passphrase.ts';
import { type OpenKey, openStoredKey, readStoredKey } from './keyring/stored-key.ts';

/** The identity of a node: its libp2p key, which is also the key of the messages it signs. */
export interface Identity {
  readonly privateKey: Ed25519PrivateKey;
  readonly peerId: string;
  /** did:key of the same key. */
  readonly author: string;
  readonly signer: Ed25519Signer;
}

/**
 * Reads the identity of `directory`, made there on first start; where it is sealed, with the passphrase that
 * `passphrases` has. Throws `bad_identity` when it is unusable, and what keys under a passphrase do.
 */
export async function loadIdentity(
  directory: string,
  passphrases: PassphraseSource = passphraseFrom({ file: '' }),
): Promise<Identity> {
  const path = keyPath(directory, IDENTITY_NAME);
  try {
    const stored = readStoredKey(path) ?? (await make(path));
    return await identityOf(await openStoredKey(stored, passphrases));
  } catch (error) {
    if (!(error instanceof KeyError) || error.code !== 'bad_key_file') throw error;
    const advice = 'restore it from a backup, or remove it to start as a new peer';
    throw new CodedError('bad_identity', `${path} does not hold an Ed25519 key: ${advice}`, undefined, {
      cause: error,
    });
  }
}

/** Peer id of the identity in `directory`, which may be sealed; null when it has no identity. Throws `bad_key_file`. */
export function readPeerId(directory: string): string | null {
  const stored = readStoredKey(keyPath(directory, IDENTITY_NAME));
  if (stored === null) return null;
  return peerIdFromPublicKey(publicKeyFromRaw(decodeMultikey(stored.file.multikey))).toString();
}

async function make(path: string): Promise<NonNullable<ReturnType<typeof readStoredKey>>> {
  createFileExclusive(path, await encodeLibp2pKey(randomBytes(SEED_BYTES)), SECRET_MODE);
  const stored = readStoredKey(path);
  if (stored === null) throw new KeyError('bad_key_file', `${path} was made and is gone again`);
  return stored;
}

/** An open key as the identity of a libp2p peer. */
export async function identityOf({ seed, multikey }: Pick<OpenKey, 'seed' | 'multikey'>): Promise<Identity> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', seed);
  return {
    privateKey,
    peerId: peerIdFromPrivateKey(privateKey).toString(),
    author: didKey(multikey),
    signer: createEd25519Signer(seed),
  };
}
