import { readFileSync, statSync } from 'node:fs';
import type { ConnectionProtector } from '@libp2p/interface';
import { preSharedKey } from '@libp2p/pnet';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';

/** A key file is 95 bytes; one with a comment or another line end is not much longer. */
const FILE_MAX_BYTES = 4096;
const FORM = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n[0-9a-f]{64}\s*$/i;
const KEY_HEX_LENGTH = 64;
/** Readable or writable by group or others. */
const OTHERS_MODE = 0o077;

/**
 * Protects the connections of a private network: only a peer with the key in the file at `path` gets as far as the handshake. The
 * file has the form of IPFS's swarm.key (`/key/swarm/psk/1.0.0/`, `/base16/`, 64 hex digits, a line each). Throws `bad_swarm_key`
 * with what to do.
 */
export function readSwarmKey(path: string): () => ConnectionProtector {
  return preSharedKey({ psk: readKeyFile(path) });
}

/** The 32 bytes of the key in the file at `path`. Throws as `readSwarmKey`. */
export function readNetworkKey(path: string): Uint8Array {
  const text = Buffer.from(readKeyFile(path)).toString('latin1').trimEnd();
  return new Uint8Array(Buffer.from(text.slice(-KEY_HEX_LENGTH), 'hex'));
}

/** The file of a key of 32 bytes. */
export function formatNetworkKey(key: Uint8Array): Uint8Array {
  return Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString('hex')}\n`);
}

function readKeyFile(path: string): Uint8Array {
  try {
    const { mode, size } = statSync(path);
    if (process.platform !== 'win32' && (mode & OTHERS_MODE) !== 0) {
      throw new Error(`others may read it: chmod 600 ${path}`);
    }
    if (size > FILE_MAX_BYTES) throw new Error('it is no key file, which is 95 bytes');
    const key = readFileSync(path);
    if (!FORM.test(key.toString('latin1'))) throw new Error('it has not the form of a swarm.key');
    return key;
  } catch (error) {
    throw new CodedError(
      'bad_swarm_key',
      `network.keyFile ${path} cannot be used: ${errorMessage(error)}`,
      undefined,
      { cause: error },
    );
  }
}
