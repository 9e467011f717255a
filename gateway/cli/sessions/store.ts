import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type DataLock,
  lockDataDirectory,
  protectDirectory,
  readPrivateFile,
  SECRET_MODE,
  writeFileAtomic,
} from '../../../node/files.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import {
  GATEWAYS_MAX,
  LOCK_POLL_MS,
  LOCK_TIMEOUT_MS,
  SESSION_FILE_MAX_BYTES,
  SESSIONS_PER_GATEWAY_MAX,
} from './limits.ts';
import { decodeSession, encodeSession, type StoredSession } from './session.ts';

/** Which session at a gateway. */
export type SessionName = Pick<StoredSession, 'gateway' | 'wallet' | 'namespace'>;

/** Sessions on disk for one gateway. */
export interface Kept {
  readonly sessions: readonly StoredSession[];
  /** The one that is used where none is named. */
  readonly current: StoredSession | null;
  /** Files that cannot be read, and why. */
  readonly faults: readonly Fault[];
}

export interface Fault {
  readonly file: string;
  readonly code: string;
  readonly fault: string;
}

const EXTENSION = '.json';
/** Holds the file name of the current session: a choice, no secret. */
const CURRENT = 'current';
const GATEWAY_DIRECTORY = /^[0-9a-f]{32}$/;
const SESSION_FILE = /^[0-9a-f]{32}\.json$/;

/**
 * The sessions of one user: a directory for each gateway, in it a file for each wallet and namespace. A command that changes
 * something holds the gateway's lock, which ends with the process: of two commands at once one renews the tokens, and the other
 * finds them renewed.
 */
export class SessionStore {
  readonly #directory: string;

  constructor({ directory }: { readonly directory: string }) {
    this.#directory = directory;
  }

  /** Stored sessions, by gateway. */
  list(): readonly Kept[] {
    if (!existsSync(this.#directory)) return [];
    const names = readdirSync(this.#directory).filter((name) => GATEWAY_DIRECTORY.test(name));
    return names.slice(0, GATEWAYS_MAX).map((name) => this.#read(join(this.#directory, name)));
  }

  /** Stored sessions of one gateway. */
  at(gateway: string): Kept {
    return this.#read(this.#directoryOf(gateway));
  }

  /** The session as it is on the disk now; null when it is gone. Throws where its file cannot be read. */
  find(name: SessionName): StoredSession | null {
    const path = this.#pathOf(name);
    const file = readPrivateFile(path, SESSION_FILE_MAX_BYTES);
    if (file === null) return null;
    if (file === 'too_large') throw new CodedError('bad_session_file', `${path} is too large for a session`);
    try {
      return decodeSession(file.bytes);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      throw new CodedError(error.code, `${path}: ${error.message}`);
    }
  }

  /** Deletes a file that cannot be read. */
  discard({ file }: Fault): void {
    rmSync(file, { force: true });
  }

  /** Runs `act` while nobody else changes what is kept for this gateway. Throws `sessions_busy`. */
  async holding<T>(gateway: string, act: (held: HeldSessions) => T | Promise<T>): Promise<T> {
    const directory = this.#directoryOf(gateway);
    protectDirectory(this.#directory);
    protectDirectory(directory);
    const lock = await lockWithin(directory);
    try {
      return await act({
        save: (session) => this.#save(session),
        choose: (name) => writeFileAtomic(join(directory, CURRENT), Buffer.from(fileOf(name)), SECRET_MODE),
        remove: (name) => rmSync(this.#pathOf(name), { force: true }),
      });
    } finally {
      lock.release();
    }
  }

  #save(session: StoredSession): void {
    const path = this.#pathOf(session);
    if (!existsSync(path)) this.#checkRoom(session.gateway);
    writeFileAtomic(path, encodeSession(session), SECRET_MODE);
  }

  #checkRoom(gateway: string): void {
    const gateways = readdirSync(this.#directory).length;
    const { sessions, faults } = this.#read(this.#directoryOf(gateway));
    if (gateways <= GATEWAYS_MAX && sessions.length + faults.length < SESSIONS_PER_GATEWAY_MAX) return;
    const message = `${this.#directory} holds sessions of ${GATEWAYS_MAX} gateways, or ${SESSIONS_PER_GATEWAY_MAX} of this one: end some with maillon logout`;
    throw new CodedError('too_many_sessions', message);
  }

  #read(directory: string): Kept {
    const sessions: StoredSession[] = [];
    const faults: Fault[] = [];
    let current: StoredSession | null = null;
    if (!existsSync(directory)) return { sessions, current, faults };
    const chosen = readCurrent(directory);
    const files = readdirSync(directory).filter((name) => SESSION_FILE.test(name));
    for (const file of files.toSorted().slice(0, SESSIONS_PER_GATEWAY_MAX)) {
      try {
        const found = readPrivateFile(join(directory, file), SESSION_FILE_MAX_BYTES);
        // another command has just removed it
        if (found === null) continue;
        const session = decodeSession(found === 'too_large' ? new Uint8Array() : found.bytes);
        sessions.push(session);
        if (file === chosen) current = session;
      } catch (error) {
        const code = error instanceof CodedError ? error.code : 'bad_session_file';
        faults.push({ file: join(directory, file), code, fault: errorMessage(error) });
      }
    }
    return { sessions, current, faults };
  }

  #directoryOf(gateway: string): string {
    return join(this.#directory, digest([gateway]));
  }

  #pathOf(name: SessionName): string {
    return join(this.#directoryOf(name.gateway), fileOf(name));
  }
}

/** Changes allowed while the lock is held. */
export interface HeldSessions {
  readonly save: (session: StoredSession) => void;
  /** Makes it the one that is used where none is named. */
  readonly choose: (name: SessionName) => void;
  readonly remove: (name: SessionName) => void;
}

function fileOf({ wallet, namespace }: SessionName): string {
  return digest([wallet, namespace]) + EXTENSION;
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** The name of a file; null where nothing is chosen. */
function readCurrent(directory: string): string | null {
  const file = readPrivateFile(join(directory, CURRENT), SESSION_FILE_MAX_BYTES);
  return file === null || file === 'too_large' ? null : Buffer.from(file.bytes).toString('utf8');
}

async function lockWithin(directory: string): Promise<DataLock> {
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      return lockDataDirectory(directory);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'data_in_use') throw error;
      if (performance.now() > deadline) {
        const message = `another command has been changing the sessions in ${directory} for ${LOCK_TIMEOUT_MS / 1000} s`;
        throw new CodedError('sessions_busy', message);
      }
    }
    await wait(LOCK_POLL_MS);
  }
}
