import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../protocols/common/errors.ts';

/** A data directory that is held by this process alone. */
export interface DataLock {
  release(): Promise<void>;
}

/** The kernel's bound on the path of a Unix socket is 104 to 108 bytes. */
const SOCKET_PATH_MAX = 100;

/**
 * Makes `directory` (0700) and holds it until released. The lock is a listening local socket: the kernel drops
 * it with the process, however that ends, so none is ever left behind. Throws `data_in_use`.
 */
export async function lockDataDirectory(directory: string): Promise<DataLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = socketPath(realpathSync(directory));
  const server = (await listen(path)) ?? (await listenInsteadOfTheDead(path));
  if (server === undefined) {
    throw new CodedError(
      'data_in_use',
      `another node runs on the data directory ${directory}: stop it, or set MAILLON_DATA to another directory`,
    );
  }
  server.unref();
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

function socketPath(directory: string): string {
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\maillon-${id}`;
  const inside = join(directory, 'lock.sock');
  return inside.length <= SOCKET_PATH_MAX ? inside : join(tmpdir(), `maillon-${id}.sock`);
}

/** A socket file that nobody answers on was left by a killed process. */
async function listenInsteadOfTheDead(path: string): Promise<Server | undefined> {
  if (await isAnswered(path)) return undefined;
  try {
    unlinkSync(path);
  } catch {
    return undefined;
  }
  return listen(path);
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
