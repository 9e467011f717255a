import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { didKey } from '../../protocols/common/did-key.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { type Identity, identityOf } from './identity.ts';
import { developmentKeyPath, openDevelopmentKey } from './keyring/development.ts';
import { type NamedKey, namedKey } from './keyring/keyring.ts';
import { DEVELOPMENT_NAME } from './keyring/names.ts';
import type { PassphraseSource } from './keyring/passphrase.ts';
import { type OpenKey, readStoredKey } from './keyring/stored-key.ts';
import { noteServedOwner, readServedOwner } from './owner-file.ts';

export interface OwnerComponents {
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export interface OwnerInit {
  /** File with the owner's key; empty for the user's own. */
  readonly path: string;
  /** The node's data directory. */
  readonly data: string;
  readonly passphrases: PassphraseSource;
}

/** Where a user's own files are: the key that owns what is made on this machine, and what its command line has joined. */
export function userDirectory(): string {
  return join(homedir(), '.maillon');
}

/** As `loadOwner`; notes the owner in the data directory, which the caller holds. */
export async function serveOwner(components: OwnerComponents, init: OwnerInit): Promise<NamedKey> {
  const { key, path } = await findOwner(components, init);
  const owner = namedKey(DEVELOPMENT_NAME, key);
  noteServedOwner(components, init.data, { did: owner.did, path });
  return owner;
}

/**
 * The development owner: whose everything is that is made through this node without naming an owner. A data directory keeps the
 * owner that it was first started with. A new one gets the user's: one key for all that a user starts on a machine, made on the
 * first start, so that processes share their default namespaces without any ceremony.
 */
export async function loadOwner(components: OwnerComponents, init: OwnerInit): Promise<NamedKey> {
  return namedKey(DEVELOPMENT_NAME, (await findOwner(components, init)).key);
}

/** The same key as the identity of a libp2p peer: a command line joins with it. */
export async function loadOwnerIdentity(components: OwnerComponents, init: OwnerInit): Promise<Identity> {
  return identityOf((await findOwner(components, init)).key);
}

async function findOwner(
  { logger }: OwnerComponents,
  { path, data, passphrases }: OwnerInit,
): Promise<{ readonly key: OpenKey; readonly path: string }> {
  const at = async (from: string) => ({
    key: await openDevelopmentKey(from, passphrases),
    path: resolve(from),
  });
  const found = ownerKeyPath({ path, data });
  try {
    return await at(found);
  } catch (error) {
    if (path !== '' || !isSystemError(error)) throw error;
    if (found !== homeOwnerKeyPath()) {
      const reason = errorMessage(error);
      logger.warn({ reason }, 'the key of the owner that this data directory served cannot be read');
    }
    // a user without a home, or whose home cannot be written: of this data directory alone
    logger.info({ reason: errorMessage(error) }, 'the development key is kept in the data directory');
    return at(developmentKeyPath(data));
  }
}

/**
 * Where the owner's key is: at the path that the setting names; in a data directory that was restored on a machine of another owner;
 * where the key is that this data directory served before; or else in the user's home.
 */
export function ownerKeyPath({ path, data }: Pick<OwnerInit, 'path' | 'data'>): string {
  if (path !== '') return path;
  const restored = restoredOwnerKeyPath(data);
  if (existsSync(restored)) return restored;
  // a key is never made there: another one in its place would be another owner
  const served = readServedOwner(data);
  return served !== null && existsSync(served.path) ? served.path : homeOwnerKeyPath();
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

/** Whether this user holds the key of an owner: that of `identity.ownerKey`, or the user's own. It is not opened, nor made. */
export function holdsOwnerKey(
  did: string,
  config: { readonly 'identity.ownerKey': string; readonly data: string },
): boolean {
  const said = config['identity.ownerKey'];
  const paths = said === '' ? [userDirectory(), config.data].map(developmentKeyPath) : [said];
  return paths.some((path) => {
    const stored = readStoredKey(path);
    return stored !== null && didKey(stored.file.multikey) === did;
  });
}
