import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { developmentKey, developmentKeyPath } from './keyring/development.ts';
import type { NamedKey } from './keyring/keyring.ts';
import type { PassphraseSource } from './keyring/passphrase.ts';

export interface OwnerInit {
  /** File with the owner's key; empty for the user's own. */
  readonly path: string;
  /** The node's data directory. */
  readonly data: string;
  readonly passphrases: PassphraseSource;
}

/**
 * The development owner: whose everything is that is made through this node without naming an owner. One key for all that a user
 * starts on a machine, made on the first start, so that processes share their default namespaces without any ceremony.
 */
export async function loadOwner(
  { logger }: { readonly logger: Pick<Logger, 'info'> },
  init: OwnerInit,
): Promise<NamedKey> {
  const { data, passphrases } = init;
  try {
    return await developmentKey(ownerKeyPath(init), passphrases);
  } catch (error) {
    if (init.path !== '' || !isSystemError(error)) throw error;
    // a user without a home, or whose home cannot be written: of this data directory alone
    logger.info({ reason: errorMessage(error) }, 'the development key is kept in the data directory');
    return developmentKey(developmentKeyPath(data), passphrases);
  }
}

/**
 * Where the owner's key is: at the path that the setting names, in a data directory that was restored on a machine of another owner, or
 * else in the user's home.
 */
export function ownerKeyPath({ path, data }: Pick<OwnerInit, 'path' | 'data'>): string {
  if (path !== '') return path;
  const restored = restoredOwnerKeyPath(data);
  return existsSync(restored) ? restored : homeOwnerKeyPath();
}

/** The owner's key of the data directory alone. Only a restore writes it. */
export function restoredOwnerKeyPath(data: string): string {
  return join(data, 'owner.key');
}

/** The owner's key that all nodes of a user share. */
export function homeOwnerKeyPath(): string {
  return developmentKeyPath(join(homedir(), '.maillon'));
}

/** A file that cannot be made or read, not one that holds something else. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
