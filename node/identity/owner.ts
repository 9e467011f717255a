import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { developmentKey, developmentKeyPath } from './keyring/development.ts';
import type { NamedKey } from './keyring/keyring.ts';
import type { PassphraseSource } from './keyring/passphrase.ts';
import { noteServedOwner, readServedOwner } from './owner-file.ts';

export interface OwnerInit {
  /** File with the owner's key; empty for the user's own. */
  readonly path: string;
  /** The node's data directory. */
  readonly data: string;
  readonly passphrases: PassphraseSource;
}

/** As `loadOwner`; notes the owner in the data directory, which the caller holds. */
export async function serveOwner(
  components: { readonly logger: OwnerLogger },
  init: OwnerInit,
): Promise<NamedKey> {
  const { key, path } = await findOwner(components, init);
  noteServedOwner(components, init.data, { did: key.did, path });
  return key;
}

/**
 * The development owner: whose everything is that is made through this node without naming an owner. A data directory keeps the
 * owner that it was first started with. A new one gets the user's: one key for all that a user starts on a machine, made on the
 * first start, so that processes share their default namespaces without any ceremony.
 */
export async function loadOwner(
  components: { readonly logger: OwnerLogger },
  init: OwnerInit,
): Promise<NamedKey> {
  return (await findOwner(components, init)).key;
}

type OwnerLogger = Pick<Logger, 'info' | 'warn'>;

async function findOwner(
  { logger }: { readonly logger: OwnerLogger },
  { path, data, passphrases }: OwnerInit,
): Promise<{ readonly key: NamedKey; readonly path: string }> {
  const at = async (from: string) => ({ key: await developmentKey(from, passphrases), path: resolve(from) });
  if (path !== '') return at(path);
  const served = readServedOwner(data);
  try {
    // never made there: another key in its place would be another owner
    if (served !== null && existsSync(served.path)) return await at(served.path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    logger.warn(
      { reason: errorMessage(error) },
      'the key of the owner that this data directory served cannot be read',
    );
  }
  try {
    return await at(developmentKeyPath(join(homedir(), '.maillon')));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // a user without a home, or whose home cannot be written: of this data directory alone
    logger.info({ reason: errorMessage(error) }, 'the development key is kept in the data directory');
    return at(developmentKeyPath(data));
  }
}

/** A file that cannot be made or read, not one that holds something else. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
