/** Derives a key for each purpose from the one secret that gateways of an operator share. */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../node/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { loadSecret } from '../core/secret-file.ts';
import { gatewayDirectory, isShared } from '../state/index.ts';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_LENGTH = 12;
/** Format version of `seal`. */
const VERSION = '1';
const DIRECTORY_MODE = 0o700;

type SecretConfig = Pick<Config, 'data' | 'gateway.state' | 'gateway.secretFile'>;

export class Secrets {
  readonly #root: string;
  readonly #sealing: Buffer;
  readonly #keyId: string;
  readonly #derived = new Map<string, Buffer>();

  constructor(root: string) {
    this.#root = root;
    this.#sealing = this.#derive('sealing');
    this.#keyId = createHash('sha256')
      .update(this.#derive('key-id'))
      .digest('base64url')
      .slice(0, KEY_ID_LENGTH);
  }

  /** A code for `message` that only gateways of this operator can make, for one purpose. */
  mac(purpose: 'nonce' | 'api-key', message: string): Buffer {
    return createHmac('sha256', this.#derive(purpose)).update(message).digest();
  }

  /** AES-256-GCM, bound to where it is kept. */
  seal(bytes: Uint8Array, location: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#sealing, iv).setAAD(Buffer.from(location));
    const sealed = Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${this.#keyId}.${sealed.toString('base64url')}`;
  }

  /** Throws `bad_secret_file` for what another secret sealed, or what was changed or moved. */
  open(text: string, location: string): Buffer {
    const [version, keyId, sealed = ''] = text.split('.');
    if (version !== VERSION) throw wrongSecret(`it has format ${version}, which is not known here`);
    if (keyId !== this.#keyId)
      throw wrongSecret('it was sealed with another secret: use the same file at all gateways');
    const bytes = Buffer.from(sealed, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#sealing, bytes.subarray(0, IV_BYTES))
        .setAAD(Buffer.from(location))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw wrongSecret('it is damaged');
    }
  }

  #derive(purpose: string): Buffer {
    const known = this.#derived.get(purpose);
    if (known !== undefined) return known;
    const key = Buffer.from(hkdfSync('sha256', this.#root, '', `maillon/gateway/${purpose}/1`, KEY_BYTES));
    this.#derived.set(purpose, key);
    return key;
  }
}

/** Throws `bad_secret_file`. */
export function loadSecrets(config: SecretConfig): Secrets {
  const naming = { setting: 'gateway.secretFile', code: 'bad_secret_file' };
  const file = config['gateway.secretFile'];
  if (file !== '') return new Secrets(loadSecret(file, naming));
  if (isShared(config)) {
    throw new CodedError(
      'bad_secret_file',
      'gateway.state is shared between gateways: set gateway.secretFile, to a copy of the same file (mode 0600) at each',
    );
  }
  const directory = gatewayDirectory(config);
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  return new Secrets(loadSecret(join(directory, 'secret'), naming));
}

function wrongSecret(why: string): CodedError {
  return new CodedError('bad_secret_file', `a signing key in gateway.state cannot be opened: ${why}`);
}
