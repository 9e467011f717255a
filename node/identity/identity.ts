import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import type { Ed25519Signer } from '../../protocols/common/crypto.ts';
import { didKey, encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { createEd25519Signer } from '../crypto.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';

/** Who a node is: its libp2p key, which is also the key of the messages it signs. */
export interface Identity {
  readonly privateKey: Ed25519PrivateKey;
  readonly peerId: string;
  /** did:key of the same key. */
  readonly author: string;
  readonly signer: Ed25519Signer;
}

const KEY_FILE = 'identity.key';
const SECRET_MODE = 0o600;
/** Permission bits of group and others. */
const FOREIGN_BITS = 0o077;
const SEED_BYTES = 32;

/** Reads the identity of `directory`, made there on first start. Throws `bad_identity` when it is unusable. */
export async function loadIdentity(directory: string): Promise<Identity> {
  const path = join(directory, KEY_FILE);
  if (!existsSync(path)) {
    const fresh = await generateKeyPair('Ed25519');
    writeFileAtomic(path, privateKeyToProtobuf(fresh), SECRET_MODE);
  }
  if (process.platform !== 'win32' && (statSync(path).mode & FOREIGN_BITS) !== 0)
    chmodSync(path, SECRET_MODE);
  return identityOf(readKey(path));
}

function readKey(path: string): Ed25519PrivateKey {
  try {
    const key = privateKeyFromProtobuf(readFileSync(path));
    if (key.type === 'Ed25519') return key;
  } catch (error) {
    throw unusable(path, error);
  }
  throw unusable(path);
}

function unusable(path: string, cause?: unknown): CodedError {
  const advice = 'restore it from a backup, or remove it to start as a new peer';
  return new CodedError('bad_identity', `${path} does not hold an Ed25519 key: ${advice}`, undefined, {
    cause,
  });
}

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  const signer = createEd25519Signer(privateKey.raw.subarray(0, SEED_BYTES));
  return {
    privateKey,
    peerId: peerIdFromPrivateKey(privateKey).toString(),
    author: didKey(encodeMultikey(signer.publicKey)),
    signer,
  };
}
