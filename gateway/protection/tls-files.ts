import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { Config, Logger } from '../../node/index.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { TLS_CHECK_MS, TLS_FILE_MAX_BYTES } from '../core/limits.ts';
import { readSecretFile } from '../core/secret-file.ts';

const CODE = 'bad_tls';

/** The certificate and the key that clients are shown, in files that somebody renews. */
export class TlsFiles {
  readonly #logger: Logger;
  readonly #cert: string;
  readonly #key: string;

  constructor(components: { logger: Logger }, init: { cert: string; key: string }) {
    this.#logger = components.logger;
    this.#cert = resolve(init.cert);
    this.#key = resolve(init.key);
  }

  /** Reads both. Throws `CodedError` `bad_tls` that says which file is wrong, and how. */
  read(): SecureContextOptions {
    const cert = readChain(this.#cert);
    const key = readSecretFile(this.#key, { setting: 'gateway.tls.key', code: CODE });
    if (key === null) throw refused('key', this.#key, 'there is no such file');
    const leaf = parse('cert', this.#cert, 'holds no certificate in PEM', () => new X509Certificate(cert));
    const what = 'holds no private key in PEM, or one with a passphrase, which nobody could be asked for';
    const secret = parse('key', this.#key, what, () => createPrivateKey(key));
    if (!leaf.checkPrivateKey(secret)) {
      throw refused('key', this.#key, `it is not the key of the certificate in ${this.#cert}`);
    }
    const options: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
    parse('cert', this.#cert, 'cannot be used', () => createSecureContext(options));
    this.#tellValidity(leaf);
    return options;
  }

  /** Shows clients of `server` what the files hold now; keeps what it had when that cannot be used. */
  reload(server: Server): void {
    try {
      server.setSecureContext(this.read());
      this.#logger.info({ cert: this.#cert }, 'TLS certificate read anew');
    } catch (error) {
      this.#logger.error({ err: errorMessage(error) }, 'TLS files changed, the former ones stay in use');
    }
  }

  /** Reloads when a file is another one than it was. Returns a stop function. */
  follow(server: Server): () => void {
    let seen = this.#state();
    const timer = setInterval(() => {
      const now = this.#state();
      if (now === seen) return;
      seen = now;
      this.reload(server);
    }, TLS_CHECK_MS);
    return () => clearInterval(timer);
  }

  /** Through symbolic links: whoever renews may only point them elsewhere. */
  #state(): string {
    return [this.#cert, this.#key]
      .map((file) => {
        const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
        return stats === undefined ? '' : `${stats.dev}:${stats.ino}:${stats.mtimeNs}:${stats.size}`;
      })
      .join();
  }

  /** A clock may be wrong, and a client may not mind: it is said, not refused. */
  #tellValidity({ validFromDate, validToDate }: X509Certificate): void {
    const now = Date.now();
    if (now >= validFromDate.getTime() && now <= validToDate.getTime()) return;
    const span = { cert: this.#cert, from: validFromDate.toISOString(), to: validToDate.toISOString() };
    this.#logger.warn(span, 'TLS certificate is not valid now: clients will refuse it');
  }
}

/** Null where no TLS is spoken here. */
export function tlsFilesOf(components: { logger: Logger }, config: Config): TlsFiles | null {
  const cert = config['gateway.tls.cert'];
  return cert === '' ? null : new TlsFiles(components, { cert, key: config['gateway.tls.key'] });
}

function readChain(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw refused('cert', path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const buffer = Buffer.alloc(TLS_FILE_MAX_BYTES + 1);
    const length = readSync(file, buffer, 0, buffer.byteLength, 0);
    if (length <= TLS_FILE_MAX_BYTES) return buffer.toString('utf8', 0, length);
    throw refused('cert', path, `it is larger than ${TLS_FILE_MAX_BYTES} bytes`);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw refused('cert', path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  } finally {
    closeSync(file);
  }
}

/** The library's own text may quote what the file holds; its code does not. */
function parse<T>(setting: 'cert' | 'key', path: string, what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const code: unknown = (error as NodeJS.ErrnoException).code ?? 'no code';
    throw refused(setting, path, `it ${what} (${String(code)})`);
  }
}

function refused(setting: 'cert' | 'key', path: string, why: string): CodedError {
  return new CodedError(CODE, `gateway.tls.${setting} ${path}: ${why}`);
}
