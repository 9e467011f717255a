import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Row, State } from '../state/index.ts';
import {
  CLOCK_SKEW_MS,
  SIGNING_KEY_OVERLAP_MS,
  SIGNING_KEY_ROTATION_MS,
  SIGNING_KEYS_MAX,
  SIGNING_KEYS_REFRESH_MS,
  SIGNING_KEYS_RETRY_MS,
} from './limits.ts';
import type { Secrets } from './secrets.ts';

const KID_BYTES = 12;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly createdAt: number;
  readonly endsAt: number;
}

/** A public key as JWKS has it (RFC 8037). */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
}

export interface SigningKeysComponents {
  readonly state: State;
  readonly secrets: Secrets;
  readonly clock: Clock;
}

/** Ed25519 keys of an operator's gateways: any of them signs with the newest, and knows all that have not ended. */
export class SigningKeys {
  readonly #components: SigningKeysComponents;
  #keys: readonly SigningKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #readBegunAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(components: SigningKeysComponents) {
    this.#components = components;
  }

  /** The current signing key; made where none exists, or none is young enough. */
  async current(): Promise<SigningKey> {
    const { clock } = this.#components;
    await this.#refresh(SIGNING_KEYS_REFRESH_MS);
    const [newest] = this.#keys;
    if (newest !== undefined && clock.now() < newest.createdAt + SIGNING_KEY_ROTATION_MS) return newest;
    return this.#make();
  }

  /** The key that a token names; null when it is unknown or has ended. */
  async find(kid: string): Promise<SigningKey | null> {
    const known = this.#find(kid);
    if (known !== null) return known;
    // another gateway may just have made it: looked for once after this was asked, but not for each who invents names
    const askedAt = performance.now();
    while (this.#readBegunAt < askedAt) {
      await wait(Math.max(0, this.#readBegunAt + SIGNING_KEYS_RETRY_MS - performance.now()));
      if (this.#readBegunAt < askedAt) await this.#refresh(0);
    }
    return this.#find(kid);
  }

  /** All that tokens may be signed with, the newest first. */
  async published(): Promise<PublicJwk[]> {
    await this.current();
    const now = this.#components.clock.now();
    return this.#keys
      .filter(({ endsAt }) => endsAt > now)
      .map(({ kid, publicKey }) => ({
        kty: 'OKP',
        crv: 'Ed25519',
        x: publicKey.export({ format: 'jwk' }).x ?? '',
        kid,
        alg: 'EdDSA',
        use: 'sig',
      }));
  }

  #find(kid: string): SigningKey | null {
    const key = this.#keys.find((one) => one.kid === kid);
    if (key === undefined) return null;
    return key.endsAt + CLOCK_SKEW_MS > this.#components.clock.now() ? key : null;
  }

  async #refresh(maxAgeMs: number): Promise<void> {
    const age = this.#components.clock.now() - this.#readAt;
    if (age < maxAgeMs) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    try {
      await this.#reading;
    } catch (error) {
      // the keys that are known stay good while the state cannot be asked
      if (this.#keys.length === 0) throw error;
    }
  }

  async #read(): Promise<void> {
    const { state, clock } = this.#components;
    this.#readBegunAt = performance.now();
    const rows = await state.query(
      'SELECT * FROM signing_keys WHERE ends_at > ? ORDER BY created_at DESC, kid LIMIT ?',
      [clock.now() - CLOCK_SKEW_MS, SIGNING_KEYS_MAX],
    );
    const known = new Map(this.#keys.map((key) => [key.kid, key]));
    this.#keys = rows.map((row) => known.get(String(row['kid'])) ?? this.#open(row));
    this.#readAt = clock.now();
  }

  async #make(): Promise<SigningKey> {
    const { state, secrets, clock } = this.#components;
    const kid = randomBytes(KID_BYTES).toString('base64url');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const createdAt = clock.now();
    const endsAt = createdAt + SIGNING_KEY_ROTATION_MS + SIGNING_KEY_OVERLAP_MS;
    const sealed = secrets.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), locationOf(kid));
    const { x = '' } = publicKey.export({ format: 'jwk' });
    // of gateways that find none at the same time one makes it
    await state.execute([
      {
        sql: `INSERT INTO signing_keys (kid, public_key, sealed_key, created_at, ends_at) SELECT ?, ?, ?, ?, ?
          WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE created_at > ?) ON CONFLICT (kid) DO NOTHING`,
        args: [kid, x, sealed, createdAt, endsAt, createdAt - SIGNING_KEY_ROTATION_MS],
      },
    ]);
    await this.#read();
    const [newest] = this.#keys;
    if (newest === undefined) throw new GatewayError('state_unavailable', 'no signing key could be made');
    return newest;
  }

  #open(row: Row): SigningKey {
    const kid = String(row['kid']);
    const der = this.#components.secrets.open(String(row['sealed_key']), locationOf(kid));
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    return {
      kid,
      privateKey,
      publicKey: createPublicKey(privateKey),
      createdAt: Number(row['created_at']),
      endsAt: Number(row['ends_at']),
    };
  }
}

function locationOf(kid: string): string {
  return `maillon/gateway/signing_keys/${kid}`;
}
