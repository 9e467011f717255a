import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Ed25519Signer } from '../../../protocols/common/crypto.ts';
import { didKey } from '../../../protocols/common/did-key.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { writeFileAtomic } from '../../disk/atomic-file.ts';
import { type DataLock, lockDataDirectory } from '../../disk/data-lock.ts';
import { createFileExclusive } from '../../disk/exclusive-file.ts';
import { protectDirectory, SECRET_MODE } from '../../disk/private-file.ts';
import { createEd25519Signer } from '../../runtime/crypto.ts';
import { KeyError } from './errors.ts';
import { encodeKey, encodeLibp2pKey, encodeSealed, multikeyOf, SEED_BYTES } from './key-file.ts';
import {
  checkKeyName,
  IDENTITY_NAME,
  isRetired,
  keyPath,
  keysDirectory,
  nameOfFile,
  retiredName,
} from './names.ts';
import type { PassphraseSource } from './passphrase.ts';
import { formatKey, type KeyForm } from './portable.ts';
import { type OpenKey, openStoredKey, readStoredKey, type StoredKey } from './stored-key.ts';

/** A key that signs. */
export interface NamedKey {
  readonly name: string;
  /** did:key of it. */
  readonly did: string;
  /** The same as bytes, 34 of them: an author. */
  readonly multikey: Uint8Array;
  readonly signer: Ed25519Signer;
}

/** Facts about a key, known without opening it. */
export interface KeyInfo {
  readonly name: string;
  readonly did: string;
  readonly isSealed: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly created: number;
  /** Replaced by another of the same name: it is kept for what it signed. */
  readonly isRetired: boolean;
}

/** A file that cannot be read, and why. */
export interface BrokenKey {
  readonly name: string;
  readonly fault: string;
}

/** Keys of one operator; each rotation keeps one more. A list reads them all. */
export const KEYS_MAX = 1000;

/**
 * The operator's keys in a data directory: `keys/<name>.key`, and under the name `identity` the node's own in
 * `identity.key`, which changes only while the node is stopped. Everything else works beside a running node.
 */
export class Keyring {
  readonly #clock: Clock;
  readonly #data: string;

  constructor({ clock }: { readonly clock: Clock }, { data }: { readonly data: string }) {
    this.#clock = clock;
    this.#data = data;
  }

  /** The node's own first, then by name. */
  list(): (KeyInfo | BrokenKey)[] {
    return [IDENTITY_NAME, ...this.#names()].flatMap((name): (KeyInfo | BrokenKey)[] => {
      try {
        const stored = readStoredKey(keyPath(this.#data, name));
        return stored === null ? [] : [infoOf(name, stored)];
      } catch (error) {
        return [{ name, fault: errorMessage(error) }];
      }
    });
  }

  /** Makes a key; sealed where it is said where the passphrase comes from. Throws `key_exists`. */
  async create(name: string, sealing?: PassphraseSource): Promise<KeyInfo> {
    return this.import(name, randomBytes(SEED_BYTES), sealing);
  }

  /** Takes over a key that was made elsewhere. */
  async import(name: string, seed: Uint8Array, sealing?: PassphraseSource): Promise<KeyInfo> {
    checkKeyName(name);
    const path = keyPath(this.#data, name);
    if (seed.byteLength !== SEED_BYTES) throw new KeyError('bad_key', `a seed has ${SEED_BYTES} bytes`);
    // before anybody is asked for a passphrase; the file itself is made exclusively
    if (existsSync(path)) throw taken(name, path);
    const bytes = await this.#encode(name, seed, sealing === undefined ? null : await sealing.fresh(name));
    const make = (): void => {
      this.#prepare();
      if (!createFileExclusive(path, bytes, SECRET_MODE)) throw taken(name, path);
    };
    if (name === IDENTITY_NAME) await this.#holding(name, make);
    else make();
    return infoOf(name, this.#stored(name));
  }

  /** A key to sign with. Throws `no_such_key`, and `bad_passphrase` where it is sealed. */
  async load(name: string, passphrases: PassphraseSource): Promise<NamedKey> {
    return namedKey(name, await openStoredKey(this.#stored(name), passphrases));
  }

  /** The key as text for other programs: a secret. */
  async export(
    name: string,
    form: KeyForm,
    passphrases: PassphraseSource,
    pemPassphrase?: string,
  ): Promise<{ readonly info: KeyInfo; readonly text: string }> {
    const stored = this.#stored(name);
    const { seed } = await openStoredKey(stored, passphrases);
    return { info: infoOf(name, stored), text: formatKey(seed, form, pemPassphrase) };
  }

  /**
   * Puts a new key in the place of `name`, sealed under the same passphrase if it was; the old one stays as
   * `<name>.<end of its DID>`, so that what it signed can still be named.
   */
  async rotate(
    name: string,
    passphrases: PassphraseSource,
  ): Promise<{ readonly info: KeyInfo; readonly retired: string }> {
    return this.#changing(name, passphrases, async (stored, { passphrase }) => {
      const retired = retiredName(name, didKey(stored.file.multikey));
      const bytes = await this.#encode(name, randomBytes(SEED_BYTES), passphrase);
      this.#prepare();
      // a rotation that was interrupted has left it there already
      createFileExclusive(keyPath(this.#data, retired), stored.bytes, SECRET_MODE);
      writeFileAtomic(stored.path, bytes, SECRET_MODE);
      return { info: infoOf(name, this.#stored(name)), retired };
    });
  }

  /** Puts a key under a passphrase. Throws `key_sealed`. */
  async seal(name: string, passphrases: PassphraseSource): Promise<KeyInfo> {
    this.#stored(name);
    return this.#holding(name, async () => {
      const { path, file, bytes, created } = this.#stored(name);
      if (file.isSealed) {
        throw new KeyError(
          'key_sealed',
          `${name} is sealed already: unseal it first to change its passphrase`,
        );
      }
      const head = { multikey: file.multikey, created };
      writeFileAtomic(path, await encodeSealed(bytes, head, await passphrases.fresh(name)), SECRET_MODE);
      return infoOf(name, this.#stored(name));
    });
  }

  /** Writes a sealed key in the clear. Throws `key_not_sealed`. */
  async unseal(name: string, passphrases: PassphraseSource): Promise<KeyInfo> {
    return this.#changing(name, passphrases, ({ path }, { plain, passphrase }) => {
      if (passphrase === null) throw new KeyError('key_not_sealed', `${name} is not sealed`);
      writeFileAtomic(path, plain, SECRET_MODE);
      return infoOf(name, this.#stored(name));
    });
  }

  async #changing<T>(
    name: string,
    passphrases: PassphraseSource,
    change: (stored: StoredKey, open: OpenKey) => T | Promise<T>,
  ): Promise<T> {
    if (isRetired(name)) throw new KeyError('bad_key_name', `${name} is retired, and stays as it is`);
    // where there is no key no directory is made for its lock
    this.#stored(name);
    return this.#holding(name, async () => {
      const stored = this.#stored(name);
      return change(stored, await openStoredKey(stored, passphrases));
    });
  }

  /** Lets one of several concurrent changes to a key proceed. The node holds its data directory as long as it runs. */
  async #holding<T>(name: string, change: () => T | Promise<T>): Promise<T> {
    const isIdentity = name === IDENTITY_NAME;
    let lock: DataLock;
    try {
      lock = lockDataDirectory(isIdentity ? this.#data : keysDirectory(this.#data));
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'data_in_use') throw error;
      const message = isIdentity
        ? `a node runs on ${this.#data}: stop it first, it would not notice that its identity has changed`
        : `another command is changing keys in ${keysDirectory(this.#data)}: try again in a moment`;
      throw new KeyError('key_in_use', message);
    }
    try {
      return await change();
    } finally {
      lock.release();
    }
  }

  #stored(name: string): StoredKey {
    const path = keyPath(this.#data, name);
    const stored = readStoredKey(path);
    if (stored === null) throw new KeyError('no_such_key', `there is no key ${name} (${path})`);
    return stored;
  }

  /** Encodes the file of a new key. */
  async #encode(name: string, seed: Uint8Array, passphrase: string | null): Promise<Uint8Array> {
    const created = this.#clock.now();
    const plain = name === IDENTITY_NAME ? await encodeLibp2pKey(seed) : encodeKey(seed, created);
    return passphrase === null
      ? plain
      : encodeSealed(plain, { multikey: multikeyOf(seed), created }, passphrase);
  }

  #prepare(): void {
    protectDirectory(keysDirectory(this.#data));
    if (this.#names().length < KEYS_MAX) return;
    const directory = keysDirectory(this.#data);
    throw new KeyError('too_many_keys', `${directory} holds ${KEYS_MAX} keys: move retired ones away`);
  }

  #names(): string[] {
    const directory = keysDirectory(this.#data);
    if (!existsSync(directory)) return [];
    const names = readdirSync(directory).flatMap((file) => nameOfFile(file) ?? []);
    return names.toSorted().slice(0, KEYS_MAX);
  }
}

export function namedKey(name: string, { seed, multikey }: Pick<OpenKey, 'seed' | 'multikey'>): NamedKey {
  return { name, did: didKey(multikey), multikey, signer: createEd25519Signer(seed) };
}

function infoOf(name: string, { file, created }: StoredKey): KeyInfo {
  const { multikey, isSealed } = file;
  return { name, did: didKey(multikey), isSealed, created, isRetired: isRetired(name) };
}

function taken(name: string, path: string): KeyError {
  return new KeyError('key_exists', `there is a key ${name} already (${path})`);
}
